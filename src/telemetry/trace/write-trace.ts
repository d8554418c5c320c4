import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from '../../core/files.js';
import type { RecordedTrace } from './recorded.js';
import { traceEventPieces } from './trace-events.js';
import { encodeXSpace } from './xspace.js';

/** Files of a trace. */
export interface TraceFiles {
  /** For Perfetto. */
  readonly events: string;
  /** For the profile plugin of TensorBoard, when its log folder is that of the trace. */
  readonly profile: string;
}

/**
 * Writes a trace into a folder, which is made where it is missing, in both forms: `NAME.trace.json` and
 * `plugins/profile/NAME/HOST.xplane.pb`.
 *
 * @throws NonetError `E_FILE` when it cannot be written.
 */
export const writeTrace = async (folder: string, name: string, trace: RecordedTrace): Promise<TraceFiles> => {
  const host = hostname();
  const profileFolder = join(folder, 'plugins', 'profile', name);
  await makeFolder(profileFolder);
  const files = { events: join(folder, `${name}.trace.json`), profile: join(profileFolder, `${host}.xplane.pb`) };
  await writeFileAtomic(files.events, traceEventPieces(trace));
  await writeFileAtomic(files.profile, encodeXSpace(trace, host));
  return files;
};
