/**
 * Runs work that the user may end by Ctrl-C (or a service by SIGTERM): the first signal asks it to stop in good order,
 * a second one ends the process as if nobody had listened.
 */
export const interruptible = async <Result>(
  work: (signal: AbortSignal) => Promise<Result>,
  onInterrupt: () => void = () => {},
): Promise<Result> => {
  const controller = new AbortController();
  const stop = (): void => {
    removeListeners();
    controller.abort();
    onInterrupt();
  };
  const removeListeners = (): void => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeListener(name, stop);
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, stop);
  try {
    return await work(controller.signal);
  } finally {
    removeListeners();
  }
};
