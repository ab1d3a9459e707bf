#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// What can become of a request: one list for the parser, the registry and the documentation.

namespace rollcall::engine {

// The status of a response. Success is written as 20 or, if the server is told so, as 200.
enum class Status : std::uint16_t {
  kSuccess = 20,
  kBadMessage = 400,
  kForbidden = 403,
  kMethodNotAllowed = 405,
  kInternalError = 500,
  kUnknown = 999,
};

// Success, or the one reason why not. Each has a fixed message that repeats no byte of the request.
enum class Outcome : std::uint8_t {
  kSuccess,

  // 400, decided while the request arrives; the connection closes.
  kMalformedFirstLine,
  kMalformedHeader,
  kRepeatedHeader,
  kTooManyHeaders,
  kBadContentLength,
  kRequestTooLong,
  kIncompleteRequest,  // the stream ended inside the request
  kRequestTimeout,     // 30 s after its first byte the request had not ended

  // 400, decided at the end of the request; the connection stays open.
  kMissingLine,
  kTooManyLines,
  kBadNick,
  kBadPort,
  kBadLimit,
  kBadCookie,
  kNotRegistered,  // the nick is unknown or inactive

  // 403
  kOtherHost,    // the entry has no cookie and was registered from another host
  kWrongCookie,  // the entry has a cookie, and the request shows another one or none
  kHasCookie,    // `Cookie: new` for an active entry that has one

  // 405
  kMethodNotAllowed,

  // 500; nothing was changed.
  kRegistryFull,
  kHostFull,          // the host has as many active entries as one host may have
  kStoreUnavailable,  // the store failed, or too much waits for it

  // 999; the change was made, and whether it lasts is not known. The connection closes.
  kStoreFailed,     // while the change was on its way to the disk
  kServerStopping,  // before the change was on the disk
};

inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::kServerStopping) + 1;

Status status_of(Outcome outcome);

// The whole message of a response, `Bad message: bad nick` for example. Printable ASCII, static.
std::string_view message_of(Outcome outcome);

}  // namespace rollcall::engine
