// hadal serve: the HTTP server, where the build has it.
#include "base/error.h"
#include "cli/commands.h"

namespace hadal {

int serve_command(const ParsedLine& /*line*/) {
  throw Error({.code = ErrorCode::kInvalidArgument,
               .where = "hadal serve",
               .what = "is not part of this build",
               .remedy = "configure with -DHADAL_SERVER=ON"});
}

}  // namespace hadal
