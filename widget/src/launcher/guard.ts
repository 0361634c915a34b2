/** Run something of ours for the page: what goes wrong in it is written to the console and stays here. */
export function guard<A extends unknown[]>(work: (...args: A) => unknown): (...args: A) => unknown {
  return (...args) => {
    try {
      const result = work(...args);
      if (result instanceof Promise) return result.catch(report);
      return result;
    } catch (error) {
      report(error);
    }
  };
}

export function report(error: unknown): void {
  console.warn('[opencom]', error);
}
