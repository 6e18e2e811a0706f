#include "ops/indexer.h"

#include "ops/cpu/cpu_kernels.h"

namespace hadal::cpu {

void choose_entries(OpContext& context, const ChooseEntriesArgs& args) {
  ref::choose_entries(context, args);
}

}  // namespace hadal::cpu
