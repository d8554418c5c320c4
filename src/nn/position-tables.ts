/** Angles of rotary position embedding, as cosines and sines in row-major order of [length, headDim / 2]. */
export interface RotaryTables {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

const base = 10_000;

/** Su et al. 2021: pair i of position p turns by `p * 10000^(-2 i / headDim)`, for positions from `first` (0) on. */
export const rotaryTables = (length: number, headDim: number, { first = 0 } = {}): RotaryTables => {
  const half = headDim / 2;
  const angle = (at: number): number => (first + Math.floor(at / half)) * base ** ((-2 * (at % half)) / headDim);
  const angles = Float64Array.from({ length: length * half }, (_, at) => angle(at));
  return { cos: angles.map(Math.cos), sin: angles.map(Math.sin) };
};

/** Radians per position of each element: `10000^(-2 i / width)` for elements 2i and 2i + 1. */
export const sinusoidalFrequencies = (width: number): Float64Array =>
  Float64Array.from({ length: width }, (_, element) => base ** ((-2 * Math.floor(element / 2)) / width));

/**
 * Vaswani et al. 2017, row-major [length, width]: element 2i of position p is `sin(p * 10000^(-2 i / width))`, element
 * 2i + 1 the cosine of the same. With `ahead` all are a quarter turn ahead: their slopes by the angle.
 */
export const sinusoidalTable = (length: number, width: number, { ahead = false } = {}): Float64Array => {
  const frequencies = sinusoidalFrequencies(width);
  return Float64Array.from({ length: length * width }, (_, at) => {
    const [position, element] = [Math.floor(at / width), at % width];
    const angle = position * frequencies[element]!;
    if (ahead) return element % 2 === 0 ? Math.cos(angle) : -Math.sin(angle);
    return element % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
};
