#include "apps/server_name.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace rollcall::apps {
namespace {

TEST(ServerName, IsReadAndWrittenTheSameWay) {
  for (const std::string_view text : {"127.0.0.1:9999", "localhost:1", "peers.example.org:65535",
                                      "[::1]:9999", "[2001:db8::7]:80", "my_host-2:80"}) {
    const auto server = parse_server_name(text);
    ASSERT_TRUE(server) << text;
    EXPECT_EQ(server->text(), text);
  }
}

TEST(ServerName, HasItsPartsApart) {
  const auto server = parse_server_name("[::1]:9999");
  ASSERT_TRUE(server);
  EXPECT_EQ(server->host, "::1");
  EXPECT_EQ(server->port, 9999);
}

TEST(ServerName, IsTheWellKnownPortOfThisMachineByDefault) {
  EXPECT_EQ(ServerName().text(), "127.0.0.1:9999");
}

TEST(ServerName, InAnyOtherFormIsRefused) {
  for (const std::string_view text : {"",
                                      ":",
                                      "localhost",
                                      "localhost:",
                                      ":80",
                                      "localhost:0",
                                      "localhost:65536",
                                      "localhost:080",
                                      "localhost:+80",
                                      "::1:80",
                                      "[::1]",
                                      "[::1]80",
                                      "[localhost]:80",
                                      "[10.0.0.7]:80",
                                      "[]:80",
                                      "a b:80",
                                      "a\n:80",
                                      "a/b:80",
                                      "é:80",
                                      "http://a:80"}) {
    EXPECT_FALSE(parse_server_name(text)) << text;
  }
  EXPECT_TRUE(parse_server_name(std::string(253, 'a') + ":80"));
  EXPECT_FALSE(parse_server_name(std::string(254, 'a') + ":80"));
}

}  // namespace
}  // namespace rollcall::apps
