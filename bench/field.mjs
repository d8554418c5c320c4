/**
 * The peers of a benchmark: those that are installed, each started once. One that cannot be started, or cannot do a case,
 * does not end the benchmark: its column says so and a note tells why.
 *
 * @param wanted a map from name to a function that starts the peer, or gives nothing where it is not installed
 */
export const openField = async (wanted, { report, race, versions, shared, run = true }) => {
  const running = new Map();
  const absent = {};
  for (const [name, start] of Object.entries(wanted)) {
    try {
      const peer = run ? await start(shared) : undefined;
      if (peer) running.set(name, peer);
      else absent[name] = run ? 'not installed' : 'not run';
      if (peer) versions[name] = peer.version;
    } catch (error) {
      report.failed(name, error.message);
    }
  }
  report.peers(Object.keys(wanted), absent);
  return {
    /**
     * Sets the case that `words` name for all peers, or for those of `only`, and races them with our competitors.
     * See `race` for what comes back.
     */
    race: async (ours, words, { only } = {}) => {
      const theirs = [];
      for (const [name, peer] of running) {
        if (only && !only.includes(name)) continue;
        try {
          await peer.case(...words);
          theirs.push({ name, run: peer.run, pid: peer.pid });
        } catch (error) {
          report.failed(name, error.message);
        }
      }
      return race([...ours, ...theirs]);
    },
    running,
    close: async () => {
      await Promise.all([...running.values()].map((peer) => peer.close()));
      running.clear();
    },
  };
};
