#include "base/system_files.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "support/fake_machine.h"

namespace hadal {
namespace {

TEST(CpuListTest, ParsesTheKernelsFormOnly) {
  EXPECT_EQ(parse_cpu_list("0-3,8,10-11"), (std::vector<int>{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(parse_cpu_list("7"), std::vector<int>{7});
  for (const char* const text :
       {"", "a", "1-", "-1", "3-1", "1,,2", "1,", "2,1", "0-99999999", "0-1-2", "99999999999"}) {
    EXPECT_TRUE(parse_cpu_list(text).empty()) << text;
  }
}

TEST(SystemFilesTest, ReadsRegularFilesAndNothingElse) {
  const FakeMachine machine("files");
  machine.write("proc/plain", "some text \n\n");
  machine.write("proc/long", std::string(100'000, 'x'));
  ASSERT_EQ(::mkfifo((machine.root() / "proc/pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_system_file(machine.root() / "proc/plain"), "some text");
  EXPECT_EQ(read_system_file(machine.root() / "proc/long", 20'000), std::string(20'000, 'x'));
  EXPECT_EQ(read_system_file(machine.root() / "proc/long"), std::string(100'000, 'x'));
  for (const char* const odd : {"proc/pipe", "proc", "proc/missing", "proc/plain/below"}) {
    EXPECT_FALSE(read_system_file(machine.root() / odd).has_value()) << odd;
  }
  EXPECT_FALSE(read_system_file("/dev/zero").has_value());
  EXPECT_FALSE(read_system_file(std::string(10'000, 'a')).has_value());
}

TEST(SystemFilesTest, ParsesNumbersWithoutSignOnly) {
  EXPECT_EQ(parse_number("0"), 0);
  EXPECT_EQ(parse_number("9223372036854771712"), 9223372036854771712);
  for (const char* const text : {"", "max", "-1", "+1", "1 ", " 1", "12M", "0x10", "1.5",
                                 "9223372036854775808", "99999999999999999999999"}) {
    EXPECT_FALSE(parse_number(text).has_value()) << text;
  }
}

TEST(SystemFilesTest, FindsLinesByTheirBeginning) {
  const std::string text = "inactive_file 5\nfile 7 kB\nodd x\nempty:\nlast:\t 9 ";
  EXPECT_EQ(number_of_line(text, "file "), 7);
  EXPECT_EQ(number_of_line(text, "last:"), 9);
  EXPECT_EQ(rest_of_line(text, "empty:"), "");
  EXPECT_EQ(rest_of_line(text, "file"), "7 kB");
  for (const char* const key : {"active_file ", "odd ", "empty:", "missing"}) {
    EXPECT_FALSE(number_of_line(text, key).has_value()) << key;
  }
  EXPECT_FALSE(number_of_line("", "key").has_value());
}

}  // namespace
}  // namespace hadal
