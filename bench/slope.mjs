/** Of the line of least squares through points on log-log axes. */
export const slope = (points) => {
  const logs = points.map((point) => point.map(Math.log));
  const mean = (i) => logs.reduce((total, point) => total + point[i], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const common = logs.reduce((total, [a, b]) => total + (a - x) * (b - y), 0);
  return common / logs.reduce((total, [a]) => total + (a - x) ** 2, 0);
};
