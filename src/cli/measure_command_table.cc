#include "cli/command_table.h"

namespace hadal {

const std::vector<CommandSpec>& measure_commands() {
  static const std::vector<CommandSpec> table = {
      {.id = Command::kMeasureQuick,
       .group = "measure",
       .name = "quick",
       .summary = "In about a minute: how many users at which speed, what limits it, what it costs",
       .description =
           "Finds the model's name, checks that tokens are counted right, climbs concurrency until "
           "throughput stops growing or the SLO breaks, and says in words what it found. The run "
           "is kept like any other.",
       .examples = {"hadal measure quick --url http://127.0.0.1:8000",
                    "hadal measure quick --url https://api.example.org --key-file key.txt "
                    "--price 2.60 --gpus 8"}},
      {.id = Command::kMeasureRun,
       .group = "measure",
       .name = "run",
       .summary = "Measure a server under a stated workload and load",
       .description =
           "One point for each concurrency or rate. Workloads: 8k1k, 1k1k, 1k8k and "
           "INPUT:OUTPUT[:RANGE] (random tokens of given lengths), agentx, mooncake and trace "
           "(replays of --trace, or synthetic ones without it), conversations (turns with shared "
           "system prompts), prompts (texts of --trace). Ctrl-C keeps what was measured, marked "
           "partial. Exit status: 0 measured, 3 partial, 4 invalid (too many failures), 5 failed, "
           "6 the gate was not passed.",
       .examples = {"hadal measure run --url http://127.0.0.1:8000 -w 8k1k -c 1,4,16,64 --gpus 8",
                    "hadal measure run --url http://127.0.0.1:8000 -w 1024:256 --rate 2,4 --json"}},
      {.id = Command::kMeasureVerify,
       .group = "measure",
       .name = "verify",
       .summary = "Find out whether a server answers as the checkpoint should",
       .description =
           "Asks canary prompts and holds the answers against a reference: a file that was "
           "recorded before, or hadal's own run of a checkpoint. Exit status 0 passed, 6 not "
           "passed.",
       .examples = {"hadal measure verify --url http://127.0.0.1:8000 --reference nano.reference",
                    "hadal measure verify --url http://127.0.0.1:8000 --record nano.reference"}},
      {.id = Command::kMeasureCompare,
       .group = "measure",
       .name = "compare",
       .summary = "Measure two servers in turn and tell their ratio",
       .description = "A and B are measured in alternating blocks, because machines drift. Ratios "
                      "are told with their 95 % interval.",
       .examples = {"hadal measure compare --a http://127.0.0.1:8000 --b http://127.0.0.1:8001"}},
      {.id = Command::kMeasureSelftest,
       .group = "measure",
       .name = "selftest",
       .summary = "Find out what the load client can do on this machine",
       .description = "Runs it against a server on loopback whose every act is known: events a "
                      "second and core, and the latency that the client adds.",
       .examples = {"hadal measure selftest", "hadal measure selftest --streams 500 --json"}},
      {.id = Command::kMeasureCosts,
       .group = "measure",
       .name = "costs",
       .summary = "What a token costs at a given throughput, on two bases side by side",
       .description = "From the catalogue of hardware and prices, a rent, or a file with one's own "
                      "costs. --published shows the conversions of published figures.",
       .examples = {"hadal measure costs --hardware b200 --output-rate 648 --input-rate 5188",
                    "hadal measure costs --published"}},
      {.id = Command::kMeasureSweep,
       .group = "measure",
       .name = "sweep",
       .summary = "Measure a matrix of servers or engines and workloads, by a plan",
       .description =
           "Starts and stops engines where the plan has a recipe for them (recipes/*.toml), leaves "
           "out what the store has already of the same configuration and version, and goes on "
           "where it was interrupted or killed. Exit status 3: something failed or is left.",
       .arguments = {{argument::kPlan, "The plan, a TOML file (docs/measuring/sweeps.md)", {}}},
       .examples = {"hadal measure sweep nightly.toml --dry-run"}},
      {.id = Command::kMeasureTrack,
       .group = "measure",
       .name = "track",
       .summary = "As sweep, once a day or once a version, so that a history draws itself",
       .description =
           "For a timer (docs/measuring/sweeps.md has a unit of systemd and a line of cron). A day "
           "on which an engine does not get ready is kept as a failed run with the reason.",
       .arguments = {{argument::kPlan, "The plan, as sweep takes it", {}}},
       .examples = {"hadal measure track nightly.toml"}},
      {.id = Command::kMeasureRecommend,
       .group = "measure",
       .name = "recommend",
       .summary =
           "Which measured configuration to use, what the second best costs, how sure that is",
       .description =
           "From runs that are complete and passed the gate, read off between measured points and "
           "never beyond them. Exit status 3: not enough data.",
       .examples = {"hadal measure recommend --interactivity 50 --slo-ttft 2"}},
      {.id = Command::kRunsList,
       .group = "measure runs",
       .name = "list",
       .summary = "List runs, the newest first",
       .description = "",
       .examples = {"hadal measure runs list --last 20"}},
      {.id = Command::kRunsShow,
       .group = "measure runs",
       .name = "show",
       .summary = "Show one run: its points, verdicts and provenance",
       .description = "",
       .arguments = {{argument::kRun, "The run", {}}},
       .examples = {"hadal measure runs show last --json"}},
      {.id = Command::kRunsCompare,
       .group = "measure runs",
       .name = "compare",
       .summary = "Compare two runs where they were loaded alike",
       .description = "",
       .arguments = {{argument::kRun, "The run", {}}, {argument::kOtherRun, "The other run", {}}}},
      {.id = Command::kRunsAnnotate,
       .group = "measure runs",
       .name = "annotate",
       .summary = "Add a note or a correction to a run; what was measured stays as it was",
       .description = "",
       .arguments = {{argument::kRun, "The run", {}}, {argument::kText, "Why", {}}},
       .examples =
           {"hadal measure runs annotate last \"ran with 8 cards\" --field gpus --value 8"}},
      {.id = Command::kRunsExport,
       .group = "measure runs",
       .name = "export",
       .summary = "Write a run in a form that other tools read",
       .description = "",
       .arguments = {{argument::kRun, "The run", {}}},
       .examples = {"hadal measure runs export last --format csv --output points.csv"}},
      {.id = Command::kRunsImport,
       .group = "measure runs",
       .name = "import",
       .summary = "Keep what another tool measured, or a bundle",
       .description = "The form is found out from the file.",
       .arguments = {{argument::kFile, "The file", {}}},
       .examples = {"hadal measure runs import benchmark.json --gpus 8"}},
      {.id = Command::kRunsBundle,
       .group = "measure runs",
       .name = "bundle",
       .summary = "Write a run with all its samples into one file that can be checked",
       .description = "",
       .arguments = {{argument::kRun, "The run", {}},
                     {argument::kFile, "The file to write; it must be new", {}}},
       .examples = {"hadal measure runs bundle last last.hadalrun"}},
      {.id = Command::kRunsCheck,
       .group = "measure runs",
       .name = "check",
       .summary = "Check the digests of a bundle",
       .description = "",
       .arguments = {{argument::kFile, "The bundle", {}}}},
#ifdef HADAL_WITH_DASHBOARD
      {.id = Command::kDashboard,
       .name = "dashboard",
       .summary = "Look at what was measured: frontier, history, costs, every run, on one page",
       .description =
           "Serves a page from the run store, to this machine alone unless told otherwise; with "
           "--export writes it as one file that works from disk, or as a folder for a web server. "
           "Nothing in the store is changed.",
       .examples = {"hadal dashboard", "hadal dashboard --export dashboard.html",
                    "hadal dashboard --export site/"}},
#endif
  };
  return table;
}

}  // namespace hadal
