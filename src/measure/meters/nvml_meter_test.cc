#include "measure/meters/nvml_meter.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

// The library as this test sees it, beside the meter.
class NvmlMeterTest : public testing::Test {
 protected:
  void SetUp() override {
    handle_ = ::dlopen(HADAL_FAKE_NVML, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << ::dlerror();
    set(0, 250'000, 5'000'000, 0);
    set(1, 700'500, 9'000'500, 0);
    set_init_status(0);
  }
  void TearDown() override {
    EXPECT_EQ(running(), 0);
    ::dlclose(handle_);
  }
  template <typename Function>
  Function* symbol(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(handle_, name));
  }
  void set(int board, unsigned milliwatts, unsigned long long millijoules, int status) {
    symbol<void(int, unsigned, unsigned long long, int)>("fake_nvml_set")(board, milliwatts,
                                                                          millijoules, status);
  }
  void set_init_status(int status) { symbol<void(int)>("fake_nvml_set_init_status")(status); }
  int running() { return symbol<int()>("fake_nvml_running")(); }

 private:
  void* handle_ = nullptr;
};

TEST_F(NvmlMeterTest, ReadsWattsAndJoulesOfAllBoards) {
  const auto meter = open_nvml_meter({.library = HADAL_FAKE_NVML});
  ASSERT_EQ(meter->description().devices.size(), 2U);
  EXPECT_EQ(meter->description().devices[1].name, "gpu1");
  EXPECT_EQ(meter->description().devices[1].detail, "Fake board 1");
  const auto readings = meter->read();
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_DOUBLE_EQ(readings[0].watts.value_or(-1), 250);
  EXPECT_DOUBLE_EQ(readings[0].joules.value_or(-1), 5000);
  EXPECT_DOUBLE_EQ(readings[1].watts.value_or(-1), 700.5);
  EXPECT_DOUBLE_EQ(readings[1].joules.value_or(-1), 9000.5);
}

TEST_F(NvmlMeterTest, ReadsOnlyTheBoardsAskedFor) {
  const auto meter = open_nvml_meter({.library = HADAL_FAKE_NVML, .gpus = {1}});
  const auto readings = meter->read();
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_EQ(readings[0].device, "gpu1");
  EXPECT_THROW(open_nvml_meter({.library = HADAL_FAKE_NVML, .gpus = {2}}), Error);
}

TEST_F(NvmlMeterTest, LeavesOutABoardThatIsLost) {
  const auto meter = open_nvml_meter({.library = HADAL_FAKE_NVML});
  set(0, 0, 0, 15);
  EXPECT_EQ(meter->read().size(), 1U);
  set(1, 0, 0, 15);
  EXPECT_THROW(meter->read(), Error);
}

TEST_F(NvmlMeterTest, SaysWhyItCannotBeStarted) {
  set_init_status(4);
  try {
    open_nvml_meter({.library = HADAL_FAKE_NVML});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
    EXPECT_NE(std::string(error.what()).find("Insufficient Permissions"), std::string::npos);
  }
}

TEST_F(NvmlMeterTest, SaysThatThereIsNoDriver) {
  for (const char* library : {"libhadal-no-such-library.so.1", "libm.so.6"}) {
    EXPECT_THROW(open_nvml_meter({.library = library}), Error);
  }
}

}  // namespace
}  // namespace hadal
