#include "cli/program.h"

#include <fmt/format.h>
#include <new>
#include <system_error>

#include "base/check.h"
#include "base/error.h"
#include "base/machine.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/help_text.h"
#include "cli/terminal.h"

namespace hadal {
namespace {

constexpr int kOwnFault = 1;
constexpr int kUserError = 2;
constexpr int kInterrupted = 130;
constexpr int kReaderGone = 141;

#ifdef HADAL_WITH_ENGINE
int dispatch_engine(const ParsedLine& line) {
  switch (line.command.value()) {
    case Command::kRun:
      return run_command(line);
    case Command::kServe:
      return serve_command(line);
    case Command::kInspect:
      return inspect_command(line);
    case Command::kSynth:
      return synth_command(line);
    case Command::kScore:
      return score_command(line);
    case Command::kTextTokenize:
    case Command::kTextDetokenize:
    case Command::kTextEncodeChat:
    case Command::kTextParseChat:
      return text_command(line);
    case Command::kBenchKernels:
    case Command::kBenchDecode:
    case Command::kBenchPrefill:
    case Command::kBenchEngine:
    case Command::kBenchCache:
    case Command::kBenchSpeculation:
      return bench_command(line);
    default:
      return kOwnFault;
  }
}
#else
int dispatch_engine(const ParsedLine& /*line*/) { return kOwnFault; }
#endif

int dispatch(const ParsedLine& line) {
  switch (line.command.value()) {
    case Command::kMeasureQuick:
      return measure_quick_command(line);
    case Command::kMeasureRun:
      return measure_run_command(line);
    case Command::kMeasureVerify:
      return measure_verify_command(line);
    case Command::kMeasureCompare:
      return measure_compare_command(line);
    case Command::kMeasureSelftest:
      return measure_selftest_command(line);
    case Command::kMeasureCosts:
      return measure_costs_command(line);
    case Command::kRunsList:
    case Command::kRunsShow:
    case Command::kRunsCompare:
    case Command::kRunsAnnotate:
    case Command::kRunsExport:
    case Command::kRunsImport:
    case Command::kRunsBundle:
    case Command::kRunsCheck:
      return measure_runs_command(line);
    case Command::kMeasureSweep:
    case Command::kMeasureTrack:
      return measure_sweep_command(line);
    case Command::kMeasureRecommend:
      return measure_recommend_command(line);
#ifdef HADAL_WITH_DASHBOARD
    case Command::kDashboard:
      return dashboard_command(line);
#endif
    case Command::kPlanAsk:
      return plan_ask_command(line);
    case Command::kPlanFleet:
      return plan_fleet_command(line);
    case Command::kPlanValidate:
      return plan_validate_command(line);
    default:
      return dispatch_engine(line);
  }
}

int answer(const ParsedLine& line) {
  switch (line.request) {
    case Request::kCommand:
      return dispatch(line);
    case Request::kHelp:
      write_out(line.command            ? command_help(command_spec(*line.command))
                : line.group != nullptr ? group_help(*line.group)
                                        : overview_help());
      return 0;
    case Request::kMarkdown:
      write_out(markdown_reference());
      return 0;
    case Request::kVersion:
      write_out(version_text());
      return 0;
  }
  return kOwnFault;
}

int status_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInternal:
      return kOwnFault;
    case ErrorCode::kCancelled:
      return kInterrupted;
    default:
      return kUserError;
  }
}

}  // namespace

int run_program(std::span<const std::string> words) {
  try {
    return answer(parse_command_line(words));
  } catch (const Error& error) {
    write_err(fmt::format("hadal: error: {}\n", error.what()));
    return status_of(error);
  } catch (const ReaderGone&) {
    return kReaderGone;
  } catch (const InvariantError& error) {
    write_err(fmt::format("hadal: error: internal fault: {}; please report it\n", error.what()));
  } catch (const std::bad_alloc&) {
    write_err("hadal: error: memory: there is not enough" + memory_limit_note() +
              "; use a smaller model or context, or raise the limit\n");
    return kUserError;
  } catch (const std::system_error& error) {
    // What starting a thread throws.
    if (error.code() == std::errc::resource_unavailable_try_again ||
        error.code() == std::errc::not_enough_memory) {
      write_err(
          fmt::format("hadal: error: threads: the system refuses another one{}; raise the limit "
                      "of threads or memory (ulimit -u, -d and -v, TasksMax= of a service)\n",
                      memory_limit_note()));
      return kUserError;
    }
    write_err(fmt::format("hadal: error: internal fault: {}; please report it\n",
                          printable(error.what(), 1024)));
  } catch (const std::exception& error) {
    write_err(fmt::format("hadal: error: internal fault: {}; please report it\n",
                          printable(error.what(), 1024)));
  }
  return kOwnFault;
}

}  // namespace hadal
