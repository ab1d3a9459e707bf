#include "engine/outcome.h"

#include "engine/assert.h"

namespace rollcall::engine {
namespace {

struct Answer {
  Status status;
  std::string_view message;
};

Answer answer_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSuccess:
      return {Status::kSuccess, "Success"};
    case Outcome::kMalformedFirstLine:
      return {Status::kBadMessage, "Bad message: malformed first line"};
    case Outcome::kMalformedHeader:
      return {Status::kBadMessage, "Bad message: malformed header"};
    case Outcome::kRepeatedHeader:
      return {Status::kBadMessage, "Bad message: repeated header"};
    case Outcome::kTooManyHeaders:
      return {Status::kBadMessage, "Bad message: too many headers"};
    case Outcome::kBadContentLength:
      return {Status::kBadMessage, "Bad message: bad ContentLength"};
    case Outcome::kRequestTooLong:
      return {Status::kBadMessage, "Bad message: request too long"};
    case Outcome::kIncompleteRequest:
      return {Status::kBadMessage, "Bad message: incomplete request"};
    case Outcome::kRequestTimeout:
      return {Status::kBadMessage, "Bad message: request timed out"};
    case Outcome::kMissingLine:
      return {Status::kBadMessage, "Bad message: missing line"};
    case Outcome::kTooManyLines:
      return {Status::kBadMessage, "Bad message: too many lines"};
    case Outcome::kBadNick:
      return {Status::kBadMessage, "Bad message: bad nick"};
    case Outcome::kBadPort:
      return {Status::kBadMessage, "Bad message: bad port"};
    case Outcome::kBadLimit:
      return {Status::kBadMessage, "Bad message: bad Limit"};
    case Outcome::kBadCookie:
      return {Status::kBadMessage, "Bad message: bad Cookie"};
    case Outcome::kNotRegistered:
      return {Status::kBadMessage, "Bad message: not registered"};
    case Outcome::kOtherHost:
      return {Status::kForbidden, "Forbidden: registered by another host"};
    case Outcome::kWrongCookie:
      return {Status::kForbidden, "Forbidden: wrong cookie"};
    case Outcome::kHasCookie:
      return {Status::kForbidden, "Forbidden: has a cookie already"};
    case Outcome::kMethodNotAllowed:
      return {Status::kMethodNotAllowed, "Method not allowed"};
    case Outcome::kRegistryFull:
      return {Status::kInternalError, "Internal error: registry full"};
    case Outcome::kHostFull:
      return {Status::kInternalError, "Internal error: too many peers of this host"};
    case Outcome::kStoreUnavailable:
      return {Status::kInternalError, "Internal error: store unavailable"};
    case Outcome::kStoreFailed:
      return {Status::kUnknown, "Unknown: store failed"};
    case Outcome::kServerStopping:
      return {Status::kUnknown, "Unknown: server is stopping"};
  }
  ROLLCALL_ASSERT(!"an outcome outside the enumeration");
  __builtin_unreachable();
}

}  // namespace

Status status_of(Outcome outcome) { return answer_of(outcome).status; }

std::string_view message_of(Outcome outcome) { return answer_of(outcome).message; }

}  // namespace rollcall::engine
