/**
 * The stretches of trace that programs span. A unit may read an early node of a program that holds late ones too, so what is
 * traced before a program can depend on it; not so before the place that no program spans.
 */
export class Spans {
  /** For every position the first one of the programs that have nodes before it, and at or behind it. */
  private readonly first: Int32Array;

  constructor(count: number) {
    this.first = Int32Array.from({ length: count }, (_, i) => i);
  }

  add({ first, last }: { readonly first: number; readonly last: number }): void {
    for (let i = first + 1; i <= last; i++) this.first[i] = Math.min(this.first[i]!, first);
  }

  /** The last place up to `position` that no program spans. */
  gap(position: number): number {
    let at = position;
    while (this.first[at]! < at) at = this.first[at]!;
    return at;
  }
}
