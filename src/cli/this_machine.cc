#include "cli/this_machine.h"

#include "base/error.h"
#include "base/files.h"
#include "base/machine.h"
#include "plan/local_machine.h"

#ifdef HADAL_WITH_ENGINE
#include <fmt/format.h>

#include "base/thread_pool.h"
#include "base/topology.h"
#include "bench/kernels/machine_probe.h"
#include "cli/terminal.h"
#endif

namespace hadal {
namespace {

double memory_of_machine() {
  return static_cast<double>(least_memory(memory_bounds()).limit_bytes);
}

}  // namespace

DeviceLimits machine_of_file(const std::string& path) {
  constexpr size_t kMostBytes = size_t{16} << 20;
  return local_limits(read_machine_rates(read_text_file(path, kMostBytes), path), path,
                      memory_of_machine());
}

#ifdef HADAL_WITH_ENGINE

DeviceLimits measured_machine() {
  constexpr size_t kArenaBytes = size_t{5} << 28;
  constexpr int kRounds = 3;  // a virtual machine may read half as fast a second later
  ThreadPool threads(available_processors());
  threads.pin();
  const WeightArena arena(kArenaBytes, threads);
  Progress progress("measuring this machine", "rounds", std::chrono::milliseconds(0));
  MachineRates rates;
  for (int round = 0; round < kRounds; ++round) {
    const MachineRates measured = measure_machine(threads, best_isa(), arena, {});
    rates = round == 0 ? measured : best_of(rates, measured);
    if (errors_are_terminal()) progress.update(static_cast<uint64_t>(round) + 1, kRounds);
  }
  progress.finish();
  write_err(fmt::format("this machine: {} threads, {:.1f} GB/s of memory\n", rates.threads,
                        rates.read_gb_per_s));
  return local_limits(rates, processor_name(), memory_of_machine());
}

#else

DeviceLimits measured_machine() {
  throw Error({.code = ErrorCode::kUnavailable,
               .where = "--hardware this",
               .what = "cannot be measured: this hadal was built without its engine, whose kernels "
                       "measure",
               .remedy = "run hadal bench kernels --json > rates.json on the machine with a hadal "
                         "that has it, then give --hardware rates.json"});
}

#endif

}  // namespace hadal
