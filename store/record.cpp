#include "store/record.h"

namespace rollcall::store {

Record record_of(const engine::Change& change, WallInstant wall, engine::Instant now) {
  Record record;
  record.nick = change.nick;
  record.host = change.host;
  record.port = change.port;
  record.active = change.active;
  if (change.has_cookie) record.cookie = change.cookie;
  record.deadline = wall + std::chrono::floor<std::chrono::milliseconds>(change.deadline - now);
  record.registered_at = change.registered_at;
  record.activity_bits = change.activity_bits;
  record.activity_day = change.activity_day;
  return record;
}

}  // namespace rollcall::store
