// The client: one request to a Rollcall server, or a peer that stays on its list.

#include <sysexits.h>

#include <asio/io_context.hpp>
#include <iostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apps/answer_text.h"
#include "apps/client.h"
#include "apps/client_options.h"
#include "apps/printable.h"
#include "apps/stay.h"
#include "apps/system_random.h"

namespace rollcall::apps {
namespace {

constexpr int kRefused = 1;

// At once, and each line whole: someone may be waiting for it at the other end of a pipe.
void print(std::string_view text) { std::cout << text << std::flush; }

void complain(std::string_view what) { std::cerr << "rollcall: " + printable(what) + '\n'; }

std::string text_of(const Answer& answer, const ClientOptions& options) {
  return options.json ? answer_json(answer) : answer_text(answer);
}

int report(const Answer& answer, const ClientOptions& options) {
  if (answer.is_success || options.json) print(text_of(answer, options));
  if (!answer.is_success) complain(answer.refusal());
  return answer.is_success ? EX_OK : kRefused;
}

engine::Method method_of(ClientCommand command) {
  switch (command) {
    case ClientCommand::kRegister:
    case ClientCommand::kStay:
      return engine::Method::kRegister;
    case ClientCommand::kLeave:
      return engine::Method::kLeave;
    case ClientCommand::kKeepAlive:
      return engine::Method::kKeepAlive;
    case ClientCommand::kPeers:
      return engine::Method::kPQuery;
  }
  __builtin_unreachable();
}

Answer stay(asio::io_context& loop, Client& client, const ClientOptions& options) {
  SystemRandom random;
  Stay stay(
      loop, client, options, random,
      {.registered = [&options](const Answer& answer) { print(text_of(answer, options)); },
       .interrupted = [](const std::string& reason) { complain(reason + "; trying again"); }});
  return stay.run();
}

int run(const ClientOptions& options) {
  asio::io_context loop;
  Client client(loop, options.server, options.timeout);
  try {
    const bool stays = options.command == ClientCommand::kStay;
    const Answer answer = stays ? stay(loop, client, options)
                                : client.exchange(options.request(method_of(options.command)));
    return report(answer, options);
  } catch (const ServerUnavailable& reason) {
    complain(reason.what());
    return EX_UNAVAILABLE;
  }
}

int main_of(const std::vector<std::string>& arguments) {
  const auto parsed = parse_client_options(arguments);
  if (const auto* options = std::get_if<ClientOptions>(&parsed)) return run(*options);

  return leave_early(std::get<EarlyExit>(parsed), "rollcall");
}

}  // namespace
}  // namespace rollcall::apps

int main(int argc, char** argv) {
  const int status = rollcall::apps::main_of({argv + (argc > 0 ? 1 : 0), argv + argc});
  return std::cout ? status : EX_IOERR;
}
