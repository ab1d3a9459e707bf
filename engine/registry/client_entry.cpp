#include "engine/registry/client_entry.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "engine/assert.h"
#include "engine/limits.h"

namespace rollcall::engine {
namespace {

// What a general-purpose allocator takes for a block: its own word besides, rounded up to sixteen.
std::size_t block_bytes(std::size_t nick_bytes) {
  return (sizeof(Cookie) + nick_bytes + 8 + 15) / 16 * 16;
}

}  // namespace

Cookie ClientEntry::cookie() const {
  ROLLCALL_ASSERT(has_cookie_);
  Cookie cookie;
  std::memcpy(cookie.bytes.data(), external_block(), cookie.bytes.size());
  return cookie;
}

char* ClientEntry::external_block() const {
  char* block = nullptr;
  std::memcpy(&block, inline_, sizeof block);
  return block;
}

EntryPool::~EntryPool() {
  if (external_bytes_ == 0) return;
  for (EntryNumber number = 0; number < numbers_end_; ++number) drop_external((*this)[number]);
}

EntryNumber EntryPool::allocate(std::string_view nick) {
  EntryNumber number = free_;
  if (number != kNoEntry) {
    free_ = (*this)[number].next;
  } else {
    number = numbers_end_;
    ROLLCALL_ASSERT(number < kNoEntry);
    if (number % kChunkEntries == 0) chunks_.add();
    ++numbers_end_;
  }
  ClientEntry& entry = *new (&(*this)[number]) ClientEntry{};
  store_nick(entry, nick, nullptr);
  promised_bytes_ += block_bytes(nick.size());
  ++in_use_;
  return number;
}

void EntryPool::free(EntryNumber number) {
  ClientEntry& entry = (*this)[number];
  promised_bytes_ -= block_bytes(entry.nick_bytes_);
  drop_external(entry);
  entry.state = EntryState::kFree;
  entry.next = free_;
  free_ = number;
  --in_use_;
}

std::size_t EntryPool::growth(std::size_t nick_bytes) const {
  const bool needs_chunk = free_ == kNoEntry && numbers_end_ % kChunkEntries == 0;
  return block_bytes(nick_bytes) + (needs_chunk ? sizeof(Chunk) : 0);
}

void EntryPool::replace_cookie(ClientEntry& entry, const Cookie* cookie) {
  std::array<char, limits::kNickBytesMax> nick;
  const std::size_t nick_bytes = entry.nick().copy(nick.data(), nick.size());
  drop_external(entry);
  store_nick(entry, {nick.data(), nick_bytes}, cookie);
}

void EntryPool::store_nick(ClientEntry& entry, std::string_view nick, const Cookie* cookie) {
  ROLLCALL_ASSERT(nick.size() <= limits::kNickBytesMax);
  entry.nick_bytes_ = static_cast<std::uint8_t>(nick.size());
  entry.has_cookie_ = cookie != nullptr;
  entry.external_ = cookie != nullptr || nick.size() > sizeof entry.inline_;
  char* to = entry.inline_;
  if (entry.external_) {
    auto* block = new char[sizeof(Cookie) + nick.size()];
    external_bytes_ += block_bytes(nick.size());
    std::memcpy(entry.inline_, &block, sizeof block);
    if (cookie != nullptr) std::memcpy(block, cookie->bytes.data(), sizeof(Cookie));
    to = block + sizeof(Cookie);
  }
  std::memcpy(to, nick.data(), nick.size());
}

void EntryPool::drop_external(ClientEntry& entry) {
  if (!entry.external_) return;
  delete[] entry.external_block();
  external_bytes_ -= block_bytes(entry.nick_bytes_);
  entry.external_ = false;
}

}  // namespace rollcall::engine
