/** Numbers for people. Every function gives `-` for NaN and infinities, so that tables keep their form. */

const UNKNOWN = '-';

/** Decimal units: `512 B`, `1.2 kB`, `3.4 GB`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB', 'PB']);
}

/** `950`, `3.4 k`, `16.8 M`, `771 M`, `1.2 G`. */
export function formatCount(count: number): string {
  return scaled(count, ['', 'k', 'M', 'G', 'T', 'P']);
}

/** A value per second in the given unit: `formatRate(1.2e6, 'B')` is `1.2 MB/s`, `formatRate(9e10, 'FLOP')` `90.0 GFLOP/s`. */
export function formatRate(perSecond: number, unit: string): string {
  if (!Number.isFinite(perSecond)) return UNKNOWN;
  return `${scaled(
    perSecond,
    ['', 'k', 'M', 'G', 'T', 'P'].map((prefix) => prefix + unit),
  )}/s`;
}

/** A share of one: `0.613` is `61.3%`. */
export function formatPercent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(1)}%` : UNKNOWN;
}

/** `350 µs`, `12 ms`, `4.2 s`, `1 m 05 s`, `2 h 03 m`, `3 d 04 h`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return UNKNOWN;
  if (seconds < 0) return `-${formatDuration(-seconds)}`;
  if (seconds === 0) return '0 s';
  if (seconds < 0.9995e-3) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1e3)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  // Round once, in the smaller of the two units shown, so that no `1 m 60 s` can appear.
  const wholeSeconds = Math.round(seconds);
  if (wholeSeconds < 3600) return pair(wholeSeconds, 60, 'm', 's');
  const wholeMinutes = Math.round(seconds / 60);
  if (wholeMinutes < 24 * 60) return pair(wholeMinutes, 60, 'h', 'm');
  return pair(Math.round(seconds / 3600), 24, 'd', 'h');
}

function pair(count: number, perUnit: number, unit: string, subunit: string): string {
  const rest = String(count % perUnit).padStart(2, '0');
  return `${Math.floor(count / perUnit)} ${unit} ${rest} ${subunit}`;
}

function scaled(value: number, units: readonly string[]): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  if (value < 0) return `-${scaled(-value, units)}`;
  let index = 0;
  let rest = value;
  // 999.5 would be shown as 1000: it belongs to the next unit.
  while (rest >= 999.5 && index < units.length - 1) {
    rest /= 1000;
    index++;
  }
  return `${digits(rest, index === 0)} ${units[index] ?? ''}`.trimEnd();
}

function digits(value: number, unscaled: boolean): string {
  if (unscaled && Number.isInteger(value)) return String(value);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

/** `a, b, c`; of many words the first ones: `a, b ... and 12 more`. */
export function formatList(words: readonly string[], most = 10): string {
  const shown = words.slice(0, most).join(', ');
  return words.length > most ? `${shown} ... and ${words.length - most} more` : shown;
}
