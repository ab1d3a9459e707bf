#include "apps/client.h"

#include <array>
#include <asio/connect.hpp>
#include <asio/write.hpp>
#include <utility>

#include "apps/duration.h"
#include "apps/request_text.h"
#include "engine/limits.h"
#include "engine/wire/response_parser.h"

namespace rollcall::apps {
namespace {

using engine::AnswerFraming;
using engine::ResponseProgress;

// The longest list that any server may be told to answer with, and a head.
constexpr std::size_t kAnswerBytesMax =
    engine::limits::kAnswerPeersMax * engine::limits::kPeerTextBytesMax + 4096;
// As much of an answer that is none as helps to see what it is instead.
constexpr std::size_t kQuotedBytesMax = 60;

Answer answer_of(const engine::Response& response, engine::Method method) {
  return {method,          response.status, response.is_success(),
          response.cookie, response.total,  std::string(response.message)};
}

}  // namespace

Client::Client(asio::io_context& loop, ServerName server, engine::Duration timeout)
    : loop_(loop), server_(std::move(server)), timeout_(timeout), socket_(loop) {}

Answer Client::exchange(const engine::Request& request) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout_;
  if (!is_connected()) connect(deadline);
  send(request_text(request, AnswerFraming::kLength), deadline);
  return receive(request, deadline);
}

void Client::disconnect() {
  std::error_code ignored;
  socket_.close(ignored);
}

void Client::connect(Deadline deadline) {
  std::error_code error;
  asio::ip::tcp::resolver resolver(loop_);
  const auto addresses = resolver.resolve(server_.host, std::to_string(server_.port), error);
  if (error) fail("cannot find " + server_.text() + ": " + error.message());

  Operation connecting;
  asio::async_connect(socket_, addresses,
                      [&connecting](std::error_code result, const asio::ip::tcp::endpoint&) {
                        connecting = {true, result, 0};
                      });
  finish(connecting, deadline);
  if (connecting.error) {
    fail("cannot connect to " + server_.text() + ": " + connecting.error.message());
  }
  // One write a request: there is nothing to collect, and without this it may wait to be collected.
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
}

void Client::send(std::string_view text, Deadline deadline) {
  Operation sending;
  asio::async_write(socket_, asio::buffer(text),
                    [&sending](std::error_code result, std::size_t bytes) {
                      sending = {true, result, bytes};
                    });
  finish(sending, deadline);
  if (sending.error) fail(server_.text() + " hung up: " + sending.error.message());
}

Answer Client::receive(const engine::Request& request, Deadline deadline) {
  std::string received;
  std::array<char, 16384> piece;
  engine::ResponseParser parser(AnswerFraming::kLength, kAnswerBytesMax);
  ResponseProgress progress = ResponseProgress::kIncomplete;
  bool has_ended = false;
  while (progress == ResponseProgress::kIncomplete) {
    Operation reading;
    socket_.async_read_some(asio::buffer(piece),
                            [&reading](std::error_code result, std::size_t bytes) {
                              reading = {true, result, bytes};
                            });
    finish(reading, deadline);
    if (reading.error == asio::error::timed_out) {
      fail(server_.text() + " did not answer within " + duration_text(timeout_));
    }
    received.append(piece.data(), reading.bytes);
    has_ended = static_cast<bool>(reading.error);
    progress = has_ended ? parser.end_of_stream(received) : parser.advance(received);
  }
  if (progress == ResponseProgress::kMalformed) {
    if (received.empty()) fail(server_.text() + " hung up without an answer");
    fail(server_.text() + " does not speak P2Pv1: " + received.substr(0, kQuotedBytesMax));
  }
  // What was not asked for cannot be told from the next answer.
  if (has_ended || parser.length() != received.size()) disconnect();
  Answer answer = answer_of(parser.response(), request.method);
  const bool owes_cookie = answer.is_success && request.cookie_header == engine::CookieHeader::kNew;
  if (owes_cookie && !answer.cookie) fail(server_.text() + " gave no cookie");
  return answer;
}

// Runs the loop until the operation is over. At the deadline it ends it, as timed out.
void Client::finish(Operation& operation, Deadline deadline) {
  loop_.restart();
  while (!operation.is_over && std::chrono::steady_clock::now() < deadline) {
    loop_.run_one_until(deadline);
  }
  // What is over by now came in time; it was this program that came late.
  if (!operation.is_over) loop_.poll();
  if (operation.is_over) return;
  disconnect();
  while (!operation.is_over) loop_.run_one();
  operation.error = asio::error::timed_out;
}

void Client::fail(const std::string& what) {
  disconnect();
  throw ServerUnavailable(what);
}

}  // namespace rollcall::apps
