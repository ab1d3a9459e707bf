#include "apps/load_protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace rollcall::apps {
namespace {

using engine::Method;

std::string rendered(LoadProtocol protocol, Method method) {
  engine::Request request;
  request.method = method;
  request.nick = "0-00000000042";
  if (method == Method::kRegister) request.port = 1066;
  std::string text = "before|";
  append_load_request(protocol, request, text);
  EXPECT_TRUE(text.starts_with("before|"));
  return text.substr(7);
}

TEST(LoadProtocol, OfRollcallIsWhatAnyClientSends) {
  for (const LoadProtocol protocol : {LoadProtocol::kRollcall, LoadProtocol::kLines}) {
    EXPECT_EQ(rendered(protocol, Method::kRegister), "Register P2Pv1\n\n0-00000000042\n1066\n");
    EXPECT_EQ(rendered(protocol, Method::kPQuery), "PQuery P2Pv1\n\n0-00000000042\n");
    EXPECT_EQ(right_answer(protocol, Method::kLeave), "Response 20 P2Pv1\n\nSuccess\n");
    EXPECT_EQ(right_answer(protocol, Method::kPQuery), "");
    EXPECT_TRUE(has_lists(protocol));
  }
}

TEST(LoadProtocol, OfRedisIsArraysOfStrings) {
  constexpr LoadProtocol kRedis = LoadProtocol::kRedis;
  EXPECT_EQ(rendered(kRedis, Method::kRegister),
            "*5\r\n$3\r\nSET\r\n$13\r\n0-00000000042\r\n$4\r\n1066\r\n$2\r\nEX\r\n$4\r\n7200\r\n");
  EXPECT_EQ(rendered(kRedis, Method::kKeepAlive),
            "*3\r\n$6\r\nEXPIRE\r\n$13\r\n0-00000000042\r\n$4\r\n7200\r\n");
  EXPECT_EQ(rendered(kRedis, Method::kLeave), "*2\r\n$3\r\nDEL\r\n$13\r\n0-00000000042\r\n");
  EXPECT_FALSE(has_lists(kRedis));
}

TEST(LoadProtocol, OfMemcachedIsLines) {
  constexpr LoadProtocol kMemcached = LoadProtocol::kMemcached;
  EXPECT_EQ(rendered(kMemcached, Method::kRegister), "set 0-00000000042 0 7200 4\r\n1066\r\n");
  EXPECT_EQ(rendered(kMemcached, Method::kKeepAlive), "touch 0-00000000042 7200\r\n");
  EXPECT_EQ(rendered(kMemcached, Method::kLeave), "delete 0-00000000042\r\n");
  EXPECT_FALSE(has_lists(kMemcached));
}

TEST(LoadProtocol, IsFoundByItsNameAndByNoOther) {
  for (const LoadProtocol protocol : {LoadProtocol::kRollcall, LoadProtocol::kLines,
                                      LoadProtocol::kRedis, LoadProtocol::kMemcached}) {
    EXPECT_EQ(load_protocol_named(load_protocol_name(protocol)), protocol);
  }
  for (const char* name : {"", "Redis", "redi", "http"}) {
    EXPECT_FALSE(load_protocol_named(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace rollcall::apps
