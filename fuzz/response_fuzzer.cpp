// Property: the client's response parser is bounded, comes to the same however the text is cut, to
// what a plain reading of the format comes to, and is the inverse of the server's writer.
//
// The input's first four bytes choose the framing, the bound, the cut and what is written; the rest
// is the text.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/output_buffer.h"
#include "engine/wire/fields.h"
#include "engine/wire/response_parser.h"
#include "engine/wire/text_response.h"
#include "fuzz/mutator.h"
#include "fuzz/property.h"

namespace {

using namespace rollcall;
using engine::AnswerFraming;
using engine::Endpoint;
using engine::Outcome;
using engine::Response;
using engine::ResponseParser;
using engine::ResponseProgress;

constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kShortBytes = 64;

// What a text came to.
struct Reading {
  ResponseProgress progress = ResponseProgress::kIncomplete;
  Response response;
  std::size_t length = 0;
};

bool is_same(const Reading& a, const Reading& b) {
  if (a.progress != b.progress) return false;
  if (a.progress != ResponseProgress::kComplete) return true;
  return a.length == b.length && a.response.status == b.response.status &&
         a.response.cookie == b.response.cookie && a.response.total == b.response.total &&
         a.response.message == b.response.message;
}

// ---- The plain reading ----

std::optional<std::uint64_t> count_in(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  if (text.find_first_not_of("0123456789") != text.npos) return std::nullopt;
  const std::uint64_t count = std::stoull(std::string(text));
  if (std::to_string(count) != text) return std::nullopt;
  return count;
}

class Model {
 public:
  Model(AnswerFraming framing, std::string_view text, bool has_ended)
      : framing_(framing), text_(text), has_ended_(has_ended) {}

  Reading read() {
    const auto first = line(18);
    if (!first.has_value()) return result();
    if (!read_first_line(*first)) return malformed();
    for (std::size_t headers = 0;; ++headers) {
      const auto header = line(290);
      if (!header.has_value()) return result();
      if (header->empty()) break;
      if (headers == 8 || !read_header(*header)) return malformed();
    }
    return read_message();
  }

 private:
  static Reading malformed() { return {ResponseProgress::kMalformed, {}, 0}; }
  // Nothing more can be read: that is an end of the stream too early, a line too long, or nothing.
  Reading result() const {
    if (is_too_long_ || has_ended_) return malformed();
    return {};
  }

  // A line of at most `bytes_max` bytes.
  std::optional<std::string_view> line(std::size_t bytes_max) {
    const std::size_t end = text_.find('\n', at_);
    const std::size_t bytes = std::min(end, text_.size()) - at_;
    is_too_long_ = bytes > bytes_max;
    if (is_too_long_ || end == text_.npos) return std::nullopt;
    const std::string_view line = text_.substr(at_, bytes);
    at_ = end + 1;
    return line;
  }

  bool read_first_line(std::string_view line) {
    const std::size_t digits = line.size() < 15 ? 0 : line.size() - 15;
    const auto status = line.size() < 15 ? std::nullopt : count_in(line.substr(9, digits));
    if (!status.has_value() || digits > 3) return false;
    reading_.response.status = static_cast<std::uint16_t>(*status);
    return line == "Response " + std::to_string(*status) + " P2Pv1";
  }

  bool read_header(std::string_view line) {
    const std::size_t colon = line.find(": ");
    if (colon == line.npos) return false;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(colon + 2);
    const auto is_name_byte = [](char c) {
      return std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
                 .find(c) != std::string_view::npos;
    };
    if (name.empty() || name.size() > 32 || value.size() > 256) return false;
    if (!std::ranges::all_of(name, is_name_byte)) return false;
    if (!std::ranges::all_of(value, [](char c) { return c >= 32 && c < 127; })) return false;
    if (name == "ContentLength") {
      if (has_length_ || framing_ != AnswerFraming::kLength) return false;
      const auto length = count_in(value);
      length_ = length.value_or(0);
      return has_length_ = length.has_value();
    }
    if (name == "Total") {
      if (reading_.response.total.has_value()) return false;
      reading_.response.total = count_in(value);
      return reading_.response.total.has_value();
    }
    if (name == "Cookie") {
      if (reading_.response.cookie.has_value()) return false;
      reading_.response.cookie = engine::parse_cookie(value);
      return reading_.response.cookie.has_value();
    }
    return true;
  }

  // By line feed, length, or where that is allowed by the end of the stream.
  Reading read_message() {
    const bool is_success = reading_.response.status == 20 || reading_.response.status == 200;
    if (framing_ == AnswerFraming::kLength && is_success && !has_length_) {
      return malformed();
    }
    const std::string_view rest = text_.substr(at_);
    const std::size_t line_feed = rest.find('\n');
    if (has_length_) {
      // Whether so many bytes may come is for the bound to say.
      needs_ = at_ + length_;
      if (line_feed < length_) return malformed();
      return rest.size() < length_ ? result() : complete(length_, 0);
    }
    if (line_feed != rest.npos) {
      return framing_ == AnswerFraming::kLineFeed ? complete(line_feed, 1) : malformed();
    }
    const bool may_end = framing_ == AnswerFraming::kBare || !is_success;
    return has_ended_ && may_end ? complete(rest.size(), 0) : result();
  }

  Reading complete(std::size_t bytes, std::size_t terminator) {
    reading_.progress = ResponseProgress::kComplete;
    reading_.response.message = text_.substr(at_, bytes);
    reading_.length = at_ + bytes + terminator;
    return reading_;
  }

  AnswerFraming framing_;
  std::string_view text_;
  bool has_ended_;
  std::size_t at_ = 0;
  bool is_too_long_ = false;
  bool has_length_ = false;
  std::uint64_t length_ = 0;
  Reading reading_;

 public:
  // How long the response will be, if it says so.
  std::uint64_t needs_ = 0;
};

Reading model(AnswerFraming framing, std::size_t bytes_max, std::string_view text, bool has_ended) {
  const bool has_too_many = text.size() > bytes_max;
  Model reader(framing, text.substr(0, bytes_max), has_ended && !has_too_many);
  Reading reading = reader.read();
  const bool is_incomplete = reading.progress == ResponseProgress::kIncomplete;
  if (reader.needs_ > bytes_max || (is_incomplete && has_too_many)) {
    reading.progress = ResponseProgress::kMalformed;
  }
  return reading;
}

// ---- Reading in pieces ----

Reading reading_of(const ResponseParser& parser, ResponseProgress progress) {
  return {progress, parser.response(), parser.length()};
}

Reading read_in_pieces(AnswerFraming framing, std::size_t bytes_max, std::string_view text,
                       std::size_t piece) {
  ResponseParser parser(framing, bytes_max);
  for (std::size_t arrived = std::min(piece, text.size());;
       arrived = std::min(arrived + piece, text.size())) {
    const ResponseProgress progress = parser.advance(text.substr(0, arrived));
    if (progress != ResponseProgress::kIncomplete || arrived == text.size()) {
      if (progress == ResponseProgress::kComplete && parser.length() > bytes_max) {
        fuzz::broken("longer than it may be");
      }
      return reading_of(parser, progress);
    }
  }
}

void check_read(AnswerFraming framing, std::size_t bytes_max, std::string_view text,
                std::size_t piece) {
  const Reading whole =
      read_in_pieces(framing, bytes_max, text, std::max<std::size_t>(1, text.size()));
  if (!is_same(whole, model(framing, bytes_max, text, false))) fuzz::broken("read otherwise");
  if (!is_same(whole, read_in_pieces(framing, bytes_max, text, piece))) fuzz::broken("in pieces");
  if (text.size() <= kShortBytes && !is_same(whole, read_in_pieces(framing, bytes_max, text, 1))) {
    fuzz::broken("byte by byte");
  }
  ResponseParser parser(framing, bytes_max);
  const ResponseProgress at_end = parser.end_of_stream(text);
  if (at_end == ResponseProgress::kIncomplete) fuzz::broken("incomplete at the end");
  if (!is_same(reading_of(parser, at_end), model(framing, bytes_max, text, true))) {
    fuzz::broken("read otherwise at the end");
  }
  parser.reset();
  if (!is_same(whole, reading_of(parser, parser.advance(text)))) fuzz::broken("not as new");
}

// A list is made of addresses; written again it is the same list, and nothing but lists is read.
void check_list(std::string_view message) {
  engine::PeerListReader reader(message);
  std::vector<Endpoint> peers;
  Endpoint peer;
  engine::PeerListStep step = reader.next(peer);
  for (; step == engine::PeerListStep::kPeer; step = reader.next(peer)) {
    if (peer.port == 0) fuzz::broken("a peer without a port");
    peers.push_back(peer);
    if (peers.size() > message.size()) fuzz::broken("a list without end");
  }
  if (reader.next(peer) != step) fuzz::broken("a list that goes on");
  // Plainly: in brackets, addresses in quotes, with a comma and a space between any two.
  bool is_list = message.size() >= 2 && message.front() == '[' && message.back() == ']';
  std::string_view rest = is_list ? message.substr(1, message.size() - 2) : message;
  std::size_t count = 0;
  while (is_list && !rest.empty()) {
    if (count > 0) {
      is_list = rest.starts_with(", ");
      rest.remove_prefix(std::min<std::size_t>(2, rest.size()));
    }
    const std::size_t end = rest.find('\'', 1);
    is_list = is_list && rest.starts_with('\'') && end != rest.npos;
    if (!is_list) break;
    const auto endpoint = engine::parse_endpoint(rest.substr(1, end - 1));
    is_list = endpoint.has_value() && endpoint->port != 0;
    if (is_list && (count >= peers.size() || peers[count] != *endpoint))
      fuzz::broken("another peer");
    rest.remove_prefix(end + 1);
    ++count;
  }
  if (is_list != (step == engine::PeerListStep::kEnd)) fuzz::broken("a list or not");
  if (is_list && count != peers.size()) fuzz::broken("a list of another length");
}

// ---- Writing ----

void check_written(AnswerFraming framing, std::size_t choice, std::string_view text) {
  static const engine::TextResponseWriter writers[] = {engine::TextResponseWriter(20),
                                                       engine::TextResponseWriter(200)};
  static engine::OutputBuffer out;
  out.clear();
  engine::ServerResponse response;
  response.framing = framing;
  response.outcome = static_cast<Outcome>(choice / 2 % engine::kOutcomes);
  const bool is_success = response.outcome == Outcome::kSuccess;
  if (is_success && text.size() % 2 == 1) {
    response.cookie.emplace();
    for (std::size_t i = 0; i < std::min<std::size_t>(16, text.size()); ++i) {
      response.cookie->bytes[i] = static_cast<std::uint8_t>(text[i]);
    }
  }
  if (is_success && text.size() % 3 == 1) response.total = text.size() * text.size();
  const engine::TextResponseWriter& writer = writers[choice % 2];
  std::string message(engine::message_of(response.outcome));
  const std::size_t peers = is_success && text.size() % 5 > 0 ? text.size() % 7 : 0;
  if (is_success && text.size() % 5 > 0) {
    message = "[";
    writer.write_list(response, out, [&](engine::OutputBuffer& list) {
      for (std::size_t peer = 0; peer < peers; ++peer) {
        std::array<char, engine::kEndpointTextBytesMax> address;
        const std::size_t bytes = engine::write_endpoint(
            {engine::HostAddress::v4(10, 0, 0, static_cast<std::uint8_t>(peer)),
             static_cast<std::uint16_t>(text.size() + peer)},
            address.data());
        list.append("'");
        list.append({address.data(), bytes});
        list.append("', ");
        if (peer > 0) message += ", ";
        message.append("'").append(address.data(), bytes).append("'");
      }
    });
    message += "]";
  } else {
    writer.write(response, out);
  }

  ResponseParser parser(framing, out.size());
  ResponseProgress progress = parser.advance(out.view());
  if (framing == AnswerFraming::kBare) {
    if (progress != ResponseProgress::kIncomplete) fuzz::broken("ends before the stream");
    progress = parser.end_of_stream(out.view());
  }
  const unsigned status = is_success ? (choice % 2 == 0 ? 20 : 200)
                                     : static_cast<unsigned>(engine::status_of(response.outcome));
  if (progress != ResponseProgress::kComplete || parser.length() != out.size() ||
      parser.response().status != status || parser.response().message != message ||
      parser.response().cookie != response.cookie || parser.response().total != response.total) {
    fuzz::broken("not read as written: " + std::string(out.view()));
  }
  if (engine::ResponseParser(framing, out.size() - 1).end_of_stream(out.view()) !=
      ResponseProgress::kMalformed) {
    fuzz::broken("longer than it may be");
  }
}

constexpr auto kPieces = std::to_array<std::string_view>({
    "Response 20 P2Pv1\n",
    "Response 200 P2Pv1\n",
    "Response 400 P2Pv1\n",
    "Response 999 P2Pv1\n",
    "Response 0 P2Pv1\n",
    "Response 1000 P2Pv1\n",
    "Response  P2Pv1\n",
    "ContentLength: 7\n",
    "ContentLength: 2\n",
    "ContentLength: 999999999999999999\n",
    "Total: 17\n",
    "Total: 1000000000000000000\n",
    "Cookie: 0123456789abcdef0123456789abcdef\n",
    "X: y\n",
    "X-1: \n",
    "\n",
    "Success",
    "Success\n",
    "[]",
    "['127.0.0.1:9999']",
    "['127.0.0.1:9999', '[::1]:3333']\n",
    "'[::1]:3333'",
    ", ",
    "Bad message: bad nick",
    "['10.0.0.1:0']",
    ":",
    "'",
});

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < kHeaderBytes) return 0;
  const std::string_view text = fuzz::text_of(data + kHeaderBytes, size - kHeaderBytes);
  const auto framing = static_cast<AnswerFraming>(data[0] % 3);
  // Bounds near the text's length matter most.
  const std::size_t bytes_max = data[1] < 32
                                    ? text.size() + data[1] - std::min<std::size_t>(16, text.size())
                                    : std::size_t{data[1]} * 16;
  check_read(framing, bytes_max, text, 1 + text.size() * data[2] / 256);
  check_list(text);
  check_written(framing, data[3], text);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  if (size < kHeaderBytes || seed % 4 == 0) return LLVMFuzzerMutate(data, size, size_max);
  if (seed % 4 == 1) data[seed / 4 % kHeaderBytes] = static_cast<std::uint8_t>(seed >> 8);
  return kHeaderBytes +
         fuzz::mutate_text({data + kHeaderBytes, size - kHeaderBytes, size_max - kHeaderBytes},
                           kPieces, seed / 4);
}
