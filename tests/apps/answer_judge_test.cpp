#include "apps/answer_judge.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "apps/load_failure.h"

namespace rollcall::apps {
namespace {

using engine::Method;

constexpr std::initializer_list<Method> kChanges = {Method::kRegister, Method::kLeave,
                                                    Method::kKeepAlive};

struct Case {
  LoadProtocol protocol;
  Method method;
  std::string_view answer;
};

bool is_right(const Case& given, std::uint16_t limit = 0) {
  AnswerJudge judge(given.protocol, limit);
  EXPECT_EQ(judge.take(given.answer, given.method), given.answer.size()) << given.answer;
  EXPECT_EQ(judge.first_wrong_answer().empty(), judge.wrong_answers() == 0);
  return judge.wrong_answers() == 0;
}

TEST(AnswerJudge, KnowsTheRightAnswerOfEachProtocol) {
  for (const LoadProtocol protocol : {LoadProtocol::kRollcall, LoadProtocol::kLines,
                                      LoadProtocol::kRedis, LoadProtocol::kMemcached}) {
    for (const Method method : kChanges) {
      EXPECT_TRUE(is_right({protocol, method, right_answer(protocol, method)}));
    }
  }
  EXPECT_TRUE(
      is_right({LoadProtocol::kRollcall, Method::kLeave, "Response 200 P2Pv1\n\nSuccess\n"}));
}

TEST(AnswerJudge, CountsEveryOtherAnswerAsWrong) {
  const std::vector<Case> cases = {
      {LoadProtocol::kRollcall, Method::kRegister, "Response 20 P2Pv1\n\nsuccess\n"},
      {LoadProtocol::kRollcall, Method::kRegister, "Response 500 P2Pv1\n\nSuccess\n"},
      {LoadProtocol::kRollcall, Method::kPQuery, "Response 20 P2Pv1\n\nSuccess\n"},
      {LoadProtocol::kLines, Method::kRegister, "Response 20 P2Pv1\n\n[]\n"},
      {LoadProtocol::kRedis, Method::kRegister, ":1\r\n"},
      {LoadProtocol::kRedis, Method::kRegister, "+OKAY\r\n"},
      {LoadProtocol::kRedis, Method::kRegister, "-OOM command not allowed\r\n"},
      {LoadProtocol::kRedis, Method::kKeepAlive, ":0\r\n"},
      {LoadProtocol::kRedis, Method::kLeave, "+OK\r\n"},
      {LoadProtocol::kMemcached, Method::kRegister, "NOT_STORED\r\n"},
      {LoadProtocol::kMemcached, Method::kRegister, "SERVER_ERROR out of memory\r\n"},
      {LoadProtocol::kMemcached, Method::kKeepAlive, "NOT_FOUND\r\n"},
      {LoadProtocol::kMemcached, Method::kLeave, "STORED\r\n"},
  };
  for (const Case& given : cases) EXPECT_FALSE(is_right(given)) << given.answer;
}

TEST(AnswerJudge, KeepsTheFirstWrongAnswer) {
  AnswerJudge judge(LoadProtocol::kRedis, 0);
  for (const std::string_view answer : {"+OK\r\n", "-ERR one\r\n", "-ERR two\r\n"}) {
    EXPECT_EQ(judge.take(answer, Method::kRegister), answer.size());
  }
  EXPECT_EQ(judge.wrong_answers(), 2u);
  EXPECT_EQ(judge.first_wrong_answer(), "-ERR one");
}

TEST(AnswerJudge, TakesNothingOfAnAnswerThatIsNotAllThere) {
  const std::vector<Case> cases = {
      {LoadProtocol::kRollcall, Method::kRegister, "Response 20 P2Pv1\n\nSuccess\n"},
      {LoadProtocol::kRollcall, Method::kPQuery, "Response 20 P2Pv1\n\n['127.0.0.1:1']\n"},
      {LoadProtocol::kRedis, Method::kRegister, "+OK\r\n"},
      {LoadProtocol::kRedis, Method::kRegister, "-ERR something\r\n"},
      {LoadProtocol::kMemcached, Method::kRegister, "STORED\r\n"},
      {LoadProtocol::kMemcached, Method::kRegister, "ERROR\r\n"},
  };
  for (const Case& given : cases) {
    AnswerJudge judge(given.protocol, 0);
    for (std::size_t bytes = 0; bytes < given.answer.size(); ++bytes) {
      EXPECT_EQ(judge.take(given.answer.substr(0, bytes), given.method), 0u) << given.answer;
    }
    EXPECT_EQ(judge.wrong_answers(), 0u);
  }
}

TEST(AnswerJudge, LeavesWhatIsBehindAnAnswer) {
  for (const LoadProtocol protocol :
       {LoadProtocol::kRollcall, LoadProtocol::kRedis, LoadProtocol::kMemcached}) {
    AnswerJudge judge(protocol, 0);
    const std::string_view right = right_answer(protocol, Method::kRegister);
    EXPECT_EQ(judge.take(std::string(right) + std::string(right), Method::kRegister), right.size());
  }
  AnswerJudge judge(LoadProtocol::kRedis, 0);
  EXPECT_EQ(judge.take("-ERR\r\n+OK\r\n", Method::kRegister), 6u);
}

TEST(AnswerJudge, RefusesWhatIsNoAnswerInTheProtocol) {
  const std::string endless(5000, 'A');
  const std::vector<Case> cases = {
      {LoadProtocol::kRollcall, Method::kRegister, "+OK\r\n"},
      {LoadProtocol::kRedis, Method::kRegister, "Response 20 P2Pv1\n\nSuccess\n"},
      {LoadProtocol::kRedis, Method::kRegister, "$-1\r\n"},
      {LoadProtocol::kMemcached, Method::kRegister, "+OK\r\n"},
      {LoadProtocol::kMemcached, Method::kRegister, endless},
  };
  for (const Case& given : cases) {
    AnswerJudge judge(given.protocol, 0);
    EXPECT_THROW((void)judge.take(given.answer, given.method), LoadFailure) << given.answer;
  }
}

TEST(AnswerJudge, ReadsTheListsOfRollcall) {
  const auto list = [](std::string_view answer, std::uint16_t limit) {
    return is_right({LoadProtocol::kRollcall, Method::kPQuery, answer}, limit);
  };
  EXPECT_TRUE(list("Response 20 P2Pv1\n\n['127.0.0.1:1', '[::1]:2']\n", 0));
  EXPECT_TRUE(list("Response 20 P2Pv1\nTotal: 2\n\n['127.0.0.1:1', '[::1]:2']\n", 2));
  EXPECT_FALSE(list("Response 20 P2Pv1\nTotal: 2\n\n['127.0.0.1:1', '[::1]:2']\n", 1));
  EXPECT_FALSE(list("Response 20 P2Pv1\nTotal: 2\n\n['127.0.0.1:1']\n", 0));
  EXPECT_FALSE(list("Response 20 P2Pv1\n\n['127.0.0.1:1']\n", 5));
  EXPECT_FALSE(list("Response 20 P2Pv1\n\n['127.0.0.1:1' '127.0.0.1:2']\n", 0));
  EXPECT_FALSE(list("Response 20 P2Pv1\n\n[]\n", 0));
}

TEST(AnswerJudge, TakesAnyListOfTheDoNothingServer) {
  EXPECT_TRUE(is_right({LoadProtocol::kLines, Method::kPQuery, "Response 20 P2Pv1\n\n----\n"}, 5));
  EXPECT_FALSE(is_right({LoadProtocol::kLines, Method::kPQuery, "Response 400 P2Pv1\n\n--\n"}, 5));
}

}  // namespace
}  // namespace rollcall::apps
