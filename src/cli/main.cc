#include <string>
#include <vector>

#include "cli/program.h"
#include "cli/stop_signals.h"
#include "cli/surroundings.h"

int main(int argc, char** argv) {
  hadal::settle_into_surroundings();
  hadal::watch_stop_signals();
  return hadal::run_program(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
