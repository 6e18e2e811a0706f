// Stands in for NVIDIA's library in tests: two boards, whose readings a test sets through
// fake_nvml_set. Only what nvml_meter.cc asks for.
#include <cstdio>
#include <cstring>

// NOLINTBEGIN(readability-identifier-naming): the names are NVML's.
namespace {

struct Board {
  unsigned milliwatts;
  unsigned long long millijoules;
  int status;
};
Board boards[2] = {};
int init_status = 0;
int running = 0;

}  // namespace

extern "C" {

void fake_nvml_set(int board, unsigned milliwatts, unsigned long long millijoules, int status) {
  boards[board] = {milliwatts, millijoules, status};
}
void fake_nvml_set_init_status(int status) { init_status = status; }
// How often it was started and not shut down.
int fake_nvml_running() { return running; }

int nvmlInit_v2() {
  if (init_status == 0) ++running;
  return init_status;
}
int nvmlShutdown() {
  --running;
  return 0;
}
const char* nvmlErrorString(int status) {
  return status == 4 ? "Insufficient Permissions" : "Some Error";
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = &boards[index];
  return 0;
}
int nvmlDeviceGetName(void* device, char* name, unsigned length) {
  std::snprintf(name, length, "Fake board %d", device == &boards[0] ? 0 : 1);
  return 0;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  *milliwatts = static_cast<Board*>(device)->milliwatts;
  return static_cast<Board*>(device)->status;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  *millijoules = static_cast<Board*>(device)->millijoules;
  return static_cast<Board*>(device)->status;
}
}
// NOLINTEND(readability-identifier-naming)
