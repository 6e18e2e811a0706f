#include "checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include "checkpoint/catalogue.h"

namespace hadal {
namespace {

const std::filesystem::path kModels = std::filesystem::path(HADAL_SOURCE_DIR);

TEST(Checkpoint, OpensTheModelsOfTheRepository) {
  for (const char* path : {"tests/golden/data/model/pico/model",
                           "tests/golden/data/model/pico-flash/model", "models/nano"}) {
    const Checkpoint checkpoint = Checkpoint::open(kModels / path);
    for (const TensorSpec& spec : catalogue(checkpoint.config())) {
      EXPECT_EQ(checkpoint.tensor(spec.name).shape, spec.shape) << spec.name;
    }
    EXPECT_TRUE(checkpoint.unused_tensors().empty());
    EXPECT_NO_THROW(checkpoint.verify({}));
  }
}

}  // namespace
}  // namespace hadal
