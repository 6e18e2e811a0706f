#include "cli/plan_setup.h"

namespace hadal {

HardwareCatalogue plan_catalogue(const ParsedLine& line) {
  HardwareCatalogue catalogue = HardwareCatalogue::built_in();
  if (const auto path = line.get(option::kCatalogue)) catalogue.read_file(*path);
  return catalogue;
}

Constants plan_constants(const ParsedLine& line) {
  Constants constants;
  for (const std::string& assignment : line.list(option::kAssume)) constants.set(assignment);
  return constants;
}

}  // namespace hadal
