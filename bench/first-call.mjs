/** Imports nonet as a program would, multiplies two small matrices, and prints how long each took as JSON. */
const start = performance.now();
const { compile, hostArray, ops } = await import('../dist/bundle/index.js');
const imported = performance.now();
const product = compile((a, b) => ops.matmul(a, b));
const ones = hostArray(new Float32Array(64 * 64).fill(1), [64, 64]);
await product(ones, ones);
const called = performance.now();
console.log(JSON.stringify({ importSeconds: (imported - start) / 1000, callSeconds: (called - imported) / 1000 }));
