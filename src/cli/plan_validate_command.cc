// hadal plan validate.
#include "base/files.h"
#include "cli/commands.h"
#include "cli/plan_setup.h"
#include "cli/terminal.h"
#include "economics/catalogue_files.h"
#include "plan/local_validation.h"
#include "plan/validation.h"

namespace hadal {

int plan_validate_command(const ParsedLine& line) {
  constexpr size_t kMostBytes = size_t{256} << 20;
  const Constants constants = plan_constants(line);
  if (line.has(option::kLocal)) {
    std::vector<LocalPoint> points;
    for (const std::string& file : line.list(option::kLocal)) {
      points.push_back(read_local_point(read_text_file(file, kMostBytes), file, constants));
    }
    write_out(line.has(option::kJson) ? local_validation_json(points)
                                      : local_validation_text(points));
    return 0;
  }
  const HardwareCatalogue catalogue = plan_catalogue(line);
  const std::optional<std::string> path = line.get(option::kPoints);
  const std::string text =
      path ? read_text_file(*path, kMostBytes) : std::string(built_in_published_points());
  const Validation validation =
      validate(read_published_cases(text, path.value_or("published.json"), catalogue), constants);
  write_out(line.has(option::kJson) ? validation_json(validation) : validation_text(validation));
  return 0;
}

}  // namespace hadal
