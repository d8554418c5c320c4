/** Opcodes of row programs by op name; the native interpreter knows the same numbers. */
export const opcodes: Readonly<Record<string, number>> = {
  cast: 1,
  neg: 10,
  abs: 11,
  exp: 12,
  log: 13,
  log1p: 14,
  sqrt: 15,
  rsqrt: 16,
  reciprocal: 17,
  tanh: 18,
  sigmoid: 19,
  sin: 20,
  cos: 21,
  floor: 22,
  isFinite: 23,
  softplus: 24,
  gelu: 25,
  logicalNot: 26,
  add: 40,
  sub: 41,
  mul: 42,
  div: 43,
  maximum: 44,
  minimum: 45,
  less: 46,
  lessEqual: 47,
  equal: 48,
  bitAnd: 49,
  bitOr: 50,
  bitXor: 51,
  shiftLeft: 52,
  shiftRight: 53,
  geluGradient: 54,
  pow: 55,
  select: 60,
  multiplyAdd: 61,
  randomUniform: 100,
  randomNormal: 101,
};

export const convert = 1;
export const constant = 72;
export const scaleRowColumn = 62;
export const rowSum = 80;
export const rowMax = 81;
export const rowDot = 82;
export const rowArgmax = 84;
export const columnSum = 90;
export const columnDot = 91;

/** Reductions over columns. */
export const reductionOpcodes: Readonly<Record<string, number>> = { sum: rowSum, max: rowMax, argmax: rowArgmax };
