#include "server/http/uri_host.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

std::string name_of(std::string_view text) {
  const std::optional<UriHost> host = parse_uri_host(text);
  return host.has_value() ? host->name : "(none)";
}

TEST(UriHostTest, SpellingsOfOneHostAreOneName) {
  for (const char* text :
       {"localhost", "LocalHost", "localhost.", "LOCALHOST.:80", "localhost:", "localhost:65535"}) {
    EXPECT_EQ(name_of(text), "localhost") << text;
  }
  for (const char* text :
       {"[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]", "[::0001]:", "[::1%25lo]", "[::1%lo]:80"}) {
    EXPECT_EQ(name_of(text), "::1") << text;
  }
  EXPECT_EQ(name_of("[::FFFF:127.0.0.1]"), "::ffff:127.0.0.1");
  EXPECT_EQ(name_of("127.0.0.1.:80"), "127.0.0.1");
  EXPECT_EQ(name_of(""), "");
  EXPECT_EQ(name_of(":80"), "");
}

TEST(UriHostTest, AddressesAreToldFromNames) {
  for (const char* text : {"127.0.0.1", "10.0.0.1:80", "[fe80::1%25eth0]"}) {
    EXPECT_TRUE(parse_uri_host(text)->is_address) << text;
  }
  for (const char* text : {"127.0.0.1.evil.example", "1.2.3", "1.2.3.4.5", "0x7f.1", "256.1.1.1",
                           "evil.example", "1.2.3.4.."}) {
    EXPECT_FALSE(parse_uri_host(text)->is_address) << text;
  }
}

TEST(UriHostTest, WhatIsNoHostIsRefused) {
  for (const char* text : {"a b",       "a/b",     "a\\b",      "a@b",     "user:word@host",
                           "a:b",       "a:65536", "a:000080",  "a:-1",    "a:80:80",
                           "::1",       "[::1",    "[::1]x",    "[::1]:x", "[::1%]",
                           "[::1%25 ]", "[]",      "[1.2.3.4]", "[v1.a]",  "[::g]",
                           "a%2",       "a%zz",    "a\xc3\xbc", "a\tb",    "\"a\"",
                           "<a>",       "http://a"}) {
    EXPECT_FALSE(parse_uri_host(text).has_value()) << text;
  }
}

TEST(UriHostTest, LoopbackAddresses) {
  for (const char* name : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback_address(name)) << name;
  }
  for (const char* name :
       {"128.0.0.1", "0.0.0.0", "::", "::2", "::ffff:10.0.0.1", "localhost", ""}) {
    EXPECT_FALSE(is_loopback_address(name)) << name;
  }
}

}  // namespace
}  // namespace hadal
