/** A figure with three digits that tell something; of bits per byte, where hundredths are much, with three behind the point. */
export const figureText = (value, unit) => {
  const size = Math.abs(value);
  if (unit === 'bits/byte') return value.toFixed(3);
  if (Number.isInteger(value)) return value.toLocaleString('en');
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
};

export const ratioText = (value) => (value === null ? '-' : `${value.toFixed(2)}x`);
