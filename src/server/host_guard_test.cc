#include "server/host_guard.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace hadal {
namespace {

TEST(HostGuardTest, WithoutNamesEveryHostIsAccepted) {
  EXPECT_TRUE(HostGuard().accepts("evil.example"));
  EXPECT_TRUE(HostGuard({"*"}).accepts("evil.example"));
}

TEST(HostGuardTest, WhatNobodyCanRebindIsAccepted) {
  const HostGuard guard(std::vector<std::string>{});
  for (const char* host :
       {"localhost", "LOCALHOST.:8000", "chat.localhost", "a.b.localhost.:80", "127.0.0.1:8000",
        "[::1]:8000", "192.168.1.7", "[fe80::1%25eth0]:80", "", ":8000"}) {
    EXPECT_TRUE(guard.accepts(host)) << host;
  }
}

TEST(HostGuardTest, OtherNamesAreRefused) {
  const HostGuard guard({"llm.example.org", "*.trusted.example"});
  for (const char* host : {"evil.example", "localhost.evil.example", "notlocalhost", ".localhost.x",
                           "127.0.0.1.nip.io", "127.0.0.1.evil", "xllm.example.org",
                           "llm.example.org.evil", "trusted.example", "xtrusted.example",
                           "localhost@evil.example", "localhost, evil.example", "[::1", "a b"}) {
    EXPECT_FALSE(guard.accepts(host)) << host;
  }
  for (const char* host :
       {"llm.example.org", "LLM.Example.Org.:443", "a.trusted.example", "a.b.trusted.example:1"}) {
    EXPECT_TRUE(guard.accepts(host)) << host;
  }
}

TEST(HostGuardTest, TheRefusalNamesTheOptionWithTheName) {
  EXPECT_NE(HostGuard::refusal("LLM.Example.org.:8443").find("--allowed-host llm.example.org"),
            std::string::npos);
  // Nobody should paste a stranger's words into a shell.
  for (const char* host : {"$(reboot)", "a;reboot", "'a'", "*", "--help", "a`b`", "a&b"}) {
    const std::string text = HostGuard::refusal(host);
    EXPECT_EQ(text.find("--allowed-host"), std::string::npos) << host;
  }
}

TEST(HostGuardTest, WhatIsNoNameIsNotTakenForOne) {
  for (const char* name : {"", " ", "http://llm.example.org", "llm.example.org/v1", "b\xc3\xbc.de",
                           "a b", "*.", "a*", "user@host", "a:port"}) {
    try {
      const HostGuard guard({name});
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("--allowed-host"), std::string::npos);
    }
  }
  EXPECT_TRUE(HostGuard({"llm.example.org:443"}).accepts("llm.example.org"));
}

}  // namespace
}  // namespace hadal
