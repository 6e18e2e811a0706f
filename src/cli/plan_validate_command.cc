// hadal plan validate.
#include "base/files.h"
#include "cli/commands.h"
#include "cli/plan_setup.h"
#include "cli/terminal.h"
#include "economics/catalogue_files.h"
#include "plan/validation.h"

namespace hadal {

int plan_validate_command(const ParsedLine& line) {
  constexpr size_t kMostBytes = size_t{256} << 20;
  const HardwareCatalogue catalogue = plan_catalogue(line);
  const std::optional<std::string> path = line.get(option::kPoints);
  const std::string text =
      path ? read_text_file(*path, kMostBytes) : std::string(built_in_published_points());
  const Validation validation = validate(
      read_published_cases(text, path.value_or("published.json"), catalogue), plan_constants(line));
  write_out(line.has(option::kJson) ? validation_json(validation) : validation_text(validation));
  return 0;
}

}  // namespace hadal
