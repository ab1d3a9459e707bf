// The real programs at the size they are made for.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/server_process.h"

namespace rollcall::tests {
namespace {

TEST(ScaleSlow, MillionPeersRegisterOverTcpAndASampleOfThemIsListed) {
  const ServerProcess server({"--listen", "127.0.0.1:0", "--peers-per-host-max", "1000000"});
  const std::string address = "127.0.0.1:" + std::to_string(server.port());
  // It checks every answer, and ends with 0 if all were right.
  ChildProcess load(ROLLCALL_LOAD_PATH, {"--server", address, "--connections", "50", "--in-flight",
                                         "64", "--peers", "1000000", "--seconds", "0"});
  ASSERT_EQ(load.await_end(), exited(0)) << load.errors();

  ChildProcess joining(ROLLCALL_PATH, {"--server", address, "register", "the last one", "4000"});
  ASSERT_EQ(joining.await_end(), exited(0)) << joining.errors();
  ChildProcess asking(ROLLCALL_PATH,
                      {"--server", address, "--json", "peers", "the last one", "--limit", "1000"});
  ASSERT_EQ(asking.await_end(), exited(0)) << asking.errors();
  const auto answer = nlohmann::json::parse(asking.output());
  EXPECT_EQ(answer["total"], 1'000'001);
  EXPECT_EQ(answer["peers"].size(), 1000u);
}

}  // namespace
}  // namespace rollcall::tests
