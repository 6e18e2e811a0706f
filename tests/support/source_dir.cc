#include "support/source_dir.h"

namespace hadal::test {

// Said here alone and not to every test: what else the compiler gets of a test is the same for
// every clone, and its cache finds it.
std::filesystem::path source_dir() { return HADAL_SOURCE_DIR; }

}  // namespace hadal::test
