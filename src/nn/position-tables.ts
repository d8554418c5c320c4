/** Angles of rotary position embedding, as cosines and sines in row-major order of [length, headDim / 2]. */
export interface RotaryTables {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

/** Su et al. 2021: pair i of position p turns by `p * base^(-2 i / headDim)`. */
export const rotaryTables = (length: number, headDim: number, base = 10_000): RotaryTables => {
  const half = headDim / 2;
  const angle = (at: number): number => Math.floor(at / half) * base ** ((-2 * (at % half)) / headDim);
  const angles = Float64Array.from({ length: length * half }, (_, at) => angle(at));
  return { cos: angles.map(Math.cos), sin: angles.map(Math.sin) };
};

/**
 * Vaswani et al. 2017, row-major [length, width]: element 2i of position p is `sin(p * base^(-2 i / width))`, element
 * 2i + 1 the cosine of the same.
 */
export const sinusoidalTable = (length: number, width: number, base = 10_000): Float64Array =>
  Float64Array.from({ length: length * width }, (_, at) => {
    const [position, element] = [Math.floor(at / width), at % width];
    const angle = position * base ** ((-2 * Math.floor(element / 2)) / width);
    return element % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
