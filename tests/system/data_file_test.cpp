// The server and the file that its list is kept in.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/server_process.h"
#include "tests/support/socket_client.h"
#include "tests/support/temporary_directory.h"

namespace rollcall::tests {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

constexpr int kDataError = 65;
constexpr int kNoInput = 66;
constexpr int kUnavailable = 69;
constexpr int kCannotCreate = 73;
constexpr int kIoError = 74;
constexpr int kNoPermission = 77;
constexpr int kConfig = 78;

const std::string kNotRegistered = "Response 400 P2Pv1\n\nBad message: not registered\n";

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

class DataFile : public testing::Test {
 protected:
  Arguments serving(const Arguments& more = {}) const {
    Arguments arguments{"--listen", "127.0.0.1:0", "--threads", "1", "--data", file_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  static std::string ask(const ServerProcess& server, std::string_view requests) {
    SocketClient client(server.endpoint());
    client.send(requests);
    client.half_close();
    return client.receive_to_end();
  }

  // Registers alice, and stops.
  void make() const {
    ServerProcess server(serving());
    EXPECT_EQ(ask(server, register_request("alice", 4001)), kSuccessLine);
    EXPECT_EQ(server.stop(), exited(0));
  }

  // A server that does not start says why in one line that names the file.
  static void expect_refusal(const Arguments& arguments, int status, const std::string& reason) {
    ChildProcess process(ROLLCALLD_PATH, arguments);
    EXPECT_EQ(process.await_end(), exited(status)) << process.errors();
    EXPECT_NE(process.errors().find(reason), std::string::npos) << process.errors();
    EXPECT_EQ(std::ranges::count(process.errors(), '\n'), 1) << process.errors();
  }

  TemporaryDirectory directory_;
  const std::string file_ = directory_.path() + "/peers.db";
};

TEST_F(DataFile, KeepsTheListOverAStopAndAKill) {
  make();
  ServerProcess stopped(serving());
  EXPECT_EQ(ask(stopped, "PQuery P2Pv1\n\nalice\n" + register_request("bob", 4002)),
            "Response 20 P2Pv1\n\n['127.0.0.1:4001']\n" + std::string(kSuccessLine));
  stopped.process().send(SIGKILL);
  EXPECT_EQ(stopped.process().await_end(), killed(SIGKILL));

  ServerProcess killed_one(serving());
  EXPECT_EQ(ask(killed_one, "Leave P2Pv1\n\nalice\nPQuery P2Pv1\n\nbob\n"),
            std::string(kSuccessLine) + "Response 20 P2Pv1\n\n['127.0.0.1:4002']\n");
  killed_one.process().send(SIGKILL);
  killed_one.process().await_end();

  const ServerProcess last(serving());
  EXPECT_EQ(ask(last, "KeepAlive P2Pv1\n\nalice\nKeepAlive P2Pv1\n\nbob\n"),
            kNotRegistered + std::string(kSuccessLine));
}

TEST_F(DataFile, KeepsCookies) {
  const std::string cookie = "00112233445566778899aabbccddeeff";
  ServerProcess server(serving());
  ask(server, "Register P2Pv1\nCookie: " + cookie + "\n\nalice\n4001\n");
  server.process().send(SIGKILL);
  server.process().await_end();
  const ServerProcess again(serving());
  EXPECT_EQ(
      ask(again, "KeepAlive P2Pv1\n\nalice\nKeepAlive P2Pv1\nCookie: " + cookie + "\n\nalice\n"),
      "Response 403 P2Pv1\n\nForbidden: wrong cookie\n" + std::string(kSuccessLine));
}

TEST_F(DataFile, TimeSpentDownCountsAgainstTheLease) {
  ServerProcess server(serving({"--ttl", "1s"}));
  ask(server, register_request("alice", 4001));
  server.process().send(SIGKILL);
  server.process().await_end();
  std::string answer;
  // However long a start takes, a second passes in some of them.
  for (int starts = 0; starts < 1000 && answer != kNotRegistered; ++starts) {
    const ServerProcess again(serving({"--ttl", "1s", "--open-query"}));
    SocketClient client(again.endpoint());
    client.send("PQuery P2Pv1\n\nbob\n");
    const std::string list = client.receive(std::string_view("Response 20 P2Pv1\n\n[]\n").size());
    if (list == "Response 20 P2Pv1\n\n[]\n") answer = kNotRegistered;
  }
  EXPECT_EQ(answer, kNotRegistered);
}

TEST_F(DataFile, IsReadableByItsOwnerOnly) {
  ServerProcess server(serving());
  ask(server, register_request("alice", 4001));
  for (const auto& entry : fs::directory_iterator(directory_.path())) {
    struct stat status {};
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << entry.path();
  }
}

TEST_F(DataFile, StandsInTheStateDirectoryByDefault) {
  ChildProcess server("/usr/bin/env", {"STATE_DIRECTORY=" + directory_.path(), ROLLCALLD_PATH,
                                       "--listen", "127.0.0.1:0"});
  server.await_error_line("rollcalld: ready on ");
  EXPECT_TRUE(fs::exists(directory_.path() + "/rollcall.db"));
  server.send(SIGTERM);
  EXPECT_EQ(server.await_end(), exited(0));
}

TEST_F(DataFile, StandsInTheWorkingDirectoryOtherwise) {
  ChildProcess server("/bin/sh", {"-c", "unset STATE_DIRECTORY; cd " + directory_.path() +
                                            " && exec " ROLLCALLD_PATH " --listen 127.0.0.1:0"});
  server.await_error_line("rollcalld: ready on ");
  EXPECT_TRUE(fs::exists(directory_.path() + "/rollcall.db"));
  server.send(SIGTERM);
  EXPECT_EQ(server.await_end(), exited(0));
}

TEST_F(DataFile, IsNotMadeWithMemory) {
  ChildProcess server("/bin/sh",
                      {"-c", "cd " + directory_.path() +
                                 " && exec " ROLLCALLD_PATH " --memory --listen 127.0.0.1:0"});
  server.await_error_line("rollcalld: ready on ");
  server.send(SIGTERM);
  EXPECT_EQ(server.await_end(), exited(0));
  EXPECT_TRUE(fs::is_empty(directory_.path()));
}

TEST_F(DataFile, IsUsedByOneServerOnly) {
  const ServerProcess server(serving());
  expect_refusal(serving(), kUnavailable, file_);
  EXPECT_EQ(ask(server, register_request("alice", 4001)), kSuccessLine);
}

TEST_F(DataFile, ThatIsDamagedIsRefusedAndNotTouched) {
  make();
  const std::string sound = content_of(file_);
  std::string damaged = sound;
  for (std::size_t i = 0; i < damaged.size(); i += 1) damaged[i] ^= i > 100 ? 0x55 : 0;
  const std::string contents[] = {damaged, sound.substr(0, sound.size() / 2), "",
                                  "not a database at all, but long enough to be one\n"};
  for (const std::string& content : contents) {
    write_file(file_, content);
    expect_refusal(serving(), kDataError, file_);
    EXPECT_EQ(content_of(file_), content);
  }
}

TEST_F(DataFile, ThatCannotBeMadeIsRefused) {
  Arguments arguments = serving();
  arguments.back() = directory_.path() + "/missing/peers.db";
  expect_refusal(arguments, kCannotCreate, "missing");
}

TEST_F(DataFile, ThatMayNotBeWrittenIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  make();
  // Nobody may read the directory, but not write to it, nor to the file.
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(file_.c_str(), 0644), 0);
  const auto refusal_of_nobody = [&](const std::string& data) {
    ChildProcess process("/usr/bin/setpriv", {"--reuid", "65534", "--clear-groups", ROLLCALLD_PATH,
                                              "--listen", "127.0.0.1:0", "--data", data});
    EXPECT_EQ(process.await_end(), exited(kNoPermission)) << process.errors();
    return process.errors();
  };
  EXPECT_NE(refusal_of_nobody(file_).find(file_), std::string::npos);
  const std::string other = directory_.path() + "/other.db";
  EXPECT_NE(refusal_of_nobody(other).find(other), std::string::npos);
  EXPECT_FALSE(fs::exists(other));
}

TEST_F(DataFile, WithMorePeersThanAllowedIsRefusedAndNotTouched) {
  ServerProcess server(serving());
  ask(server, register_request("alice", 4001) + register_request("bob", 4002));
  EXPECT_EQ(server.stop(), exited(0));
  const std::string content = content_of(file_);
  expect_refusal(serving({"--peers-max", "1"}), kConfig, file_);
  EXPECT_EQ(content_of(file_), content);
  const ServerProcess again(serving({"--peers-max", "2"}));
}

// ---- A disk that is full ----

// A file system of a megabyte, where the system lets us have one.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    fs::create_directory(path);
    is_mounted_ = mount("none", path.c_str(), "tmpfs", 0, "size=1m") == 0;
  }
  ~SmallDisk() {
    if (is_mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  bool is_mounted() const { return is_mounted_; }

 private:
  std::string path_;
  bool is_mounted_ = false;
};

TEST_F(DataFile, OnAFullDiskRefusesChangesAndGoesOnWhenThereIsRoom) {
  const std::string path = directory_.path() + "/small";
  const SmallDisk disk(path);
  if (!disk.is_mounted()) GTEST_SKIP() << "this system lets nobody mount a file system";
  ServerProcess server({"--listen", "127.0.0.1:0", "--threads", "1", "--data", path + "/peers.db"});
  EXPECT_EQ(ask(server, register_request("alice", 4001)), kSuccessLine);
  write_file(path + "/filler", std::string(2 << 20, 'x'));

  const std::string unavailable = "Response 500 P2Pv1\n\nInternal error: store unavailable\n";
  const std::string unknown = "Response 999 P2Pv1\n\nUnknown: store failed\n";
  std::string last;
  std::size_t unknowns = 0;
  for (int i = 0; i < 100'000 && last != unavailable; ++i) {
    last = ask(server, "KeepAlive P2Pv1\n\nalice\n");
    unknowns += last == unknown;
    ASSERT_TRUE(last == kSuccessLine || last == unknown || last == unavailable) << last;
  }
  EXPECT_EQ(last, unavailable);
  EXPECT_GE(unknowns, 1u);
  EXPECT_EQ(ask(server, "PQuery P2Pv1\n\nalice\n"), "Response 20 P2Pv1\n\n['127.0.0.1:4001']\n");

  fs::remove(path + "/filler");
  for (int i = 0; i < 1'000'000 && last != kSuccessLine; ++i) {
    last = ask(server, "KeepAlive P2Pv1\n\nalice\n");
  }
  EXPECT_EQ(last, kSuccessLine);
  EXPECT_EQ(server.stop(), exited(0));
}

// ---- Commands ----

struct Said {
  ProcessEnd end;
  std::string output;
  std::string errors;
};

Said run(const std::string& program, const Arguments& arguments) {
  ChildProcess process(program, arguments);
  const ProcessEnd end = process.await_end();
  return {end, process.output(), process.errors()};
}

TEST_F(DataFile, IsCheckedAndCounted) {
  ServerProcess server(serving());
  ask(server,
      register_request("alice", 4001) + register_request("bob", 4002) + "Leave P2Pv1\n\nbob\n");
  const Said in_use = run(ROLLCALLD_PATH, {"check", file_});
  EXPECT_EQ(in_use.end, exited(kUnavailable));
  server.process().send(SIGKILL);
  server.process().await_end();

  const std::string content = content_of(file_);
  const Said said = run(ROLLCALLD_PATH, {"check", file_});
  EXPECT_EQ(said.end, exited(0)) << said.errors;
  EXPECT_NE(said.output.find("1 active"), std::string::npos) << said.output;
  EXPECT_NE(said.output.find("1 inactive"), std::string::npos) << said.output;
  EXPECT_EQ(content_of(file_), content);

  for (const std::string_view command : {"check", "export"}) {
    const Said unsaid = run("/bin/sh", {"-c", "exec \"$0\" \"$1\" \"$2\" > /dev/full",
                                        ROLLCALLD_PATH, std::string(command), file_});
    EXPECT_EQ(unsaid.end, exited(kIoError));
    EXPECT_EQ(unsaid.errors, "rollcalld: standard output cannot be written\n");
  }

  const Said missing = run(ROLLCALLD_PATH, {"check", file_ + "x"});
  EXPECT_EQ(missing.end, exited(kNoInput));
  EXPECT_FALSE(fs::exists(file_ + "x"));
}

TEST_F(DataFile, IsExportedAndImported) {
  const std::string cookie = "00112233445566778899aabbccddeeff";
  ServerProcess server(serving());
  ask(server, "Register P2Pv1\nCookie: " + cookie + "\n\nalice\n4001\n" +
                  register_request("bob", 4002) + register_request("bob", 4003));
  EXPECT_EQ(server.stop(), exited(0));

  const Said without = run(ROLLCALLD_PATH, {"export", file_});
  EXPECT_EQ(without.end, exited(0)) << without.errors;
  EXPECT_EQ(without.output.find(cookie), std::string::npos);
  const Said with = run(ROLLCALLD_PATH, {"export", "--with-cookies", file_});
  EXPECT_EQ(std::ranges::count(with.output, '\n'), 2) << "each entry once";
  EXPECT_NE(with.output.find(cookie), std::string::npos);
  EXPECT_NE(with.output.find("\"port\":4003"), std::string::npos);

  const std::string lines = directory_.path() + "/lines";
  const std::string other = directory_.path() + "/other.db";
  const std::string importing = std::string(ROLLCALLD_PATH) + " import " + other + " < " + lines;
  write_file(lines, without.output);
  const Said refused = run("/bin/sh", {"-c", importing});
  EXPECT_EQ(refused.end, exited(kDataError));
  EXPECT_NE(refused.errors.find("line "), std::string::npos) << refused.errors;
  EXPECT_FALSE(fs::exists(other));

  // An entry from long ago is no entry any more.
  const std::string old =
      R"({"nick":"carol","host":"10.0.0.7","port":1,"active":false,"until":"2020-01-01T00:00:00.000Z",)"
      R"("registered":"2020-01-01T00:00:00Z","activity":"00000001","activity_day":"2020-01-01"})";
  write_file(lines, with.output + old + '\n');
  const Said imported = run("/bin/sh", {"-c", importing});
  EXPECT_EQ(imported.end, exited(0)) << imported.errors;
  EXPECT_NE(imported.output.find("2 active and 0 inactive peers; 1 "), std::string::npos)
      << imported.output;
  EXPECT_EQ(run(ROLLCALLD_PATH, {"export", "--with-cookies", other}).output, with.output);
  EXPECT_EQ(run("/bin/sh", {"-c", importing}).end, exited(kCannotCreate)) << "it is there already";

  const ServerProcess again({"--listen", "127.0.0.1:0", "--data", other});
  EXPECT_EQ(
      ask(again, "KeepAlive P2Pv1\nCookie: " + cookie + "\n\nalice\nKeepAlive P2Pv1\n\nbob\n"),
      std::string(kSuccessLine) + std::string(kSuccessLine));
}

}  // namespace
}  // namespace rollcall::tests
