// The command that repeats a run, out of its plan.

type Json = Record<string, unknown>;

const object = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});
const text = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");

/** For a POSIX shell. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;
}

/** "" where the run has no plan of hadal's. */
export function repeatCommand(document: Json): string {
  const plan = object(document["plan"]);
  const target = object(document["target"]);
  const workload = object(plan["workload"]);
  const points = Array.isArray(plan["points"]) ? plan["points"].map(object) : [];
  if (text(plan["url"]) === "" || points.length === 0) return "";
  const words = ["hadal", "measure", "run", "--url", text(plan["url"])];
  const add = (option: string, value: unknown): void => {
    const word = text(value);
    if (word !== "") words.push(option, word);
  };
  add("--model", plan["model"]);
  add("--workload", workload["workload"] ?? document["workload"]);
  const concurrencies = points.map((point) => text(point["concurrency"])).filter(Boolean);
  const rates = points.map((point) => text(point["rate"])).filter(Boolean);
  if (concurrencies.length > 0) words.push("--concurrency", concurrencies.join(","));
  if (rates.length > 0) words.push("--rate", rates.join(","));
  const sessions = new Set(points.map((point) => text(point["sessions"])));
  if (sessions.size === 1) add("--requests", [...sessions][0]);
  if (plan["repeats"] !== 1) add("--repeats", plan["repeats"]);
  add("--seed", workload["seed"]);
  add("--gpus", target["gpus"]);
  add("--hardware", target["hardware"]);
  add("--precision", target["precision"]);
  add("--speculation", target["speculation"]);
  const launch = object(object(document["provenance"])["server"])["launch_command"];
  add("--launch-command", launch);
  return words.map(quoted).join(" ");
}
