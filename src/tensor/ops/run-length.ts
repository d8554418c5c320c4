import { NonetError } from '../../core/errors.js';
import type { Tensor } from '../graph.js';
import type { ReferenceArray, TensorType } from '../types.js';
import { add } from './arithmetic.js';
import { checkDType, noGradient, primitive, referenceZeros, single, streamingCost, type Two } from './define.js';
import { exampleShape } from './example-axes.js';
import { constantArray } from './leaves.js';
import { atAxis } from './mapped.js';
import { reshape } from './reshape.js';
import { pad } from './slice.js';

type Attributes = {
  /** Patches of a row. */
  readonly patches: number;
  readonly bitsPerPatch: number;
};

export const decodeRunLengthOp = primitive<Attributes>({
  name: 'decodeRunLength',
  summary:
    'Patches of rows of bits that lie run-length coded in code [N], from starts [...] on: [..., patches]. A row ends with its bits.',
  operands: ['code', 'starts'],
  attributeNames: ['patches', 'bitsPerPatch'],
  kind: 'kernel',
  infer: (inputs, { patches, bitsPerPatch }, fail) => {
    const [code, starts] = inputs as Two<TensorType>;
    checkDType(code, ['u8'], 'the code', fail);
    checkDType(starts, ['i32'], 'starts', fail);
    if (code.shape.length !== 1) fail('the code must be [bytes]');
    if (!(Number.isSafeInteger(patches) && patches >= 0)) fail('the number of patches must be an integer from 0 on');
    if (!(Number.isInteger(bitsPerPatch) && bitsPerPatch >= 1 && bitsPerPatch <= 31)) fail('a patch has 1 to 31 bits');
    return [{ shape: [...starts.shape, patches], dtype: 'i32' }];
  },
  gradient: noGradient,
  evaluate: (inputs, { patches, bitsPerPatch }, [output]) => {
    const [code, starts] = inputs as Two<ReferenceArray>;
    const out = referenceZeros(output!);
    starts.data.forEach((start, row) => {
      rowBits(code.data, start, patches * bitsPerPatch).forEach((bit, i) => {
        const at = row * patches + Math.floor(i / bitsPerPatch);
        out.data[at] = out.data[at]! * 2 + bit;
      });
    });
    return [out];
  },
  batch: ([code, starts], attributes, examples) => {
    const { patches, bitsPerPatch } = attributes;
    if (code!.axis === null) {
      const { tensor, axis } = starts!;
      return [{ tensor: decodeRunLength(code!.tensor, tensor, patches, bitsPerPatch), axis }];
    }
    // The codes one behind the other, with a run of no bits between them: none may go on in the next one.
    const fenced = pad(atAxis(code!, 0, examples), { axis: 1, after: 2 }); // [examples, bytes + 2]
    const bytes = fenced.shape[1]!;
    const own = atAxis(starts!, 0, examples);
    const firsts = constantArray(
      Float64Array.from({ length: examples.size }, (_, i) => i * bytes),
      [examples.size, ...exampleShape(starts!).map(() => 1)],
      'i32',
    );
    const all = reshape(fenced, [examples.size * bytes]);
    return [{ tensor: decodeRunLength(all, add(own, firsts), patches, bitsPerPatch), axis: 0 }];
  },
  cost: ([, starts], outputs) => streamingCost([starts!], outputs),
});

/** The bits of one row by definition, as the native kernel reads them. */
const rowBits = (code: Float64Array, start: number, count: number): Uint8Array => {
  const bits = new Uint8Array(count);
  const fail = (what: string, position: number): never => {
    throw new NonetError(
      'E_PROGRAM',
      `decodeRunLength: ${what} at byte ${position} of the code; check the input data`,
      {
        position,
      },
    );
  };
  if (start < 0) fail('a row begins', start);
  for (let at = start, done = 0; done < count; at += 2) {
    if (at + 2 > code.length) fail('the code ends inside of a row,', code.length);
    const [value, run] = [code[at]!, code[at + 1]!];
    if (value > 1) fail(`the value is ${value}, not 0 or 1,`, at);
    if (run === 0) fail('a run has no bits', at);
    if (done + run > count) fail('a run goes beyond its row', at);
    bits.fill(value, done, done + run);
    done += run;
  }
  return bits;
};

/**
 * Patches (i32 [..., patches], `bitsPerPatch` bits each, the first the most significant) of rows of bits that lie run-length
 * coded in `code` (u8 [bytes], pairs of value and count): each row begins at its byte of `starts` (i32 [...]) and ends with
 * its last bit, so the code may be longer than what is used of it. Code that is malformed ends the run with `E_PROGRAM`.
 */
export const decodeRunLength = (code: Tensor, starts: Tensor, patches: number, bitsPerPatch: number): Tensor =>
  single(decodeRunLengthOp, [code, starts], { patches, bitsPerPatch });
