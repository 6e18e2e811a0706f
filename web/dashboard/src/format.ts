// Figures, times and ratios as people read them.

/** Three digits at least, thousands set apart by a thin space, no exponent for what is large. */
export function figureText(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1000) return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
  if (size >= 100) return value.toFixed(size >= 999.5 ? 0 : 1);
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  if (size >= 0.001) return value.toFixed(Math.min(6, 2 - Math.floor(Math.log10(size))));
  return value.toExponential(2);
}

/** For the ticks of an axis: 12k, 3.5M. */
export function tickText(value: number): string {
  const size = Math.abs(value);
  const short = (v: number): string => String(Number(v.toPrecision(3)));
  if (size >= 1e9) return `${short(value / 1e9)}G`;
  if (size >= 1e6) return `${short(value / 1e6)}M`;
  if (size >= 1e4) return `${short(value / 1e3)}k`;
  if (size !== 0 && size < 1e-4) return value.toExponential(0);
  return short(value);
}

/** "+12.3 %", "−4.0 %"; from a factor of 3 on "×3.4". */
export function changeText(ratio: number): string {
  if (!Number.isFinite(ratio) || ratio <= 0) return "–";
  if (ratio >= 3) return `×${figureText(ratio)}`;
  if (ratio <= 1 / 3) return `÷${figureText(1 / ratio)}`;
  const percent = (ratio - 1) * 100;
  return `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(1)} %`;
}

/** For the middle of a sentence; what begins with an abbreviation stays. */
export const lowerFirst = (text: string): string =>
  /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;

const pad = (value: number): string => String(value).padStart(2, "0");

const days = new Map<number, string>();  // dates are slow to write, and thousands of points share few

/** In UTC, so that a shared link says the same to everybody. */
export function dayText(unix: number | null | undefined): string {
  if (unix === null || unix === undefined || !Number.isFinite(unix) || Math.abs(unix) > 8.64e12) return "–";
  const day = Math.floor(unix / 86400);
  let text = days.get(day);
  if (text === undefined) {
    text = new Date(day * 86400_000).toISOString().slice(0, 10);
    days.set(day, text);
  }
  return text;
}

export function timeText(unix: number | null | undefined): string {
  if (unix === null || unix === undefined || !Number.isFinite(unix) || Math.abs(unix) > 8.64e12) return "–";
  const date = new Date(unix * 1000);
  return `${dayText(unix)} ${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())} UTC`;
}

export function secondsText(seconds: number): string {
  if (seconds < 1) return `${figureText(seconds * 1000)} ms`;
  if (seconds < 120) return `${figureText(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
