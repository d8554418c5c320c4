import { describe, expect, it } from 'vitest';
import { sgd } from './sgd.js';
import { tenUpdatesEach, worst } from './test-support.js';

describe.each([
  { momentum: 0.9, nesterov: true },
  { momentum: 0.9, nesterov: false },
  { momentum: 0, nesterov: true },
])('sgd $momentum $nesterov', ({ momentum, nesterov }) => {
  it('follows the plain float64 algorithm for ten steps', async () => {
    const optimizer = sgd({ momentum, nesterov, weightDecay: 0.2 });
    const differences = await tenUpdatesEach(optimizer, ({ parameter, kept }, { name, gradient, lr }) => {
      const old = kept.momentum ?? gradient.map(() => 0);
      const running = gradient.map((g, i) => momentum * old[i]! + g);
      const moved = parameter.map((p, i) => {
        const step = nesterov ? gradient[i]! + momentum * running[i]! : running[i]!;
        return p - lr * step - (name === 'vector' ? 0 : lr * 0.2 * p);
      });
      const next: Record<string, number[]> = momentum === 0 ? {} : { momentum: running };
      return { parameter: moved, kept: next };
    });
    expect(worst(differences).error).toBeLessThan(1e-5);
  });
});
