#include "store/sqlite/wal.h"

#include <bit>
#include <cstddef>
#include <string_view>

#include "store/sqlite/data_file.h"

namespace rollcall::store::sqlite {
namespace {

constexpr std::size_t kHeaderBytes = 32;
constexpr std::size_t kFrameHeaderBytes = 24;
constexpr std::size_t kFrameBytes = kFrameHeaderBytes + kPageBytes;
// The smallest piece of a file that a power loss leaves either as it was or as it was written.
constexpr std::uint64_t kSectorBytes = 512;
// Frames that are read at a time.
constexpr std::size_t kFramesAtATime = 256;

constexpr std::uint32_t kMagic = 0x377F0682;  // and 1 more where checksums are of big-endian words
constexpr std::uint32_t kVersion = 3'007'000;

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  }
  return value;
}

struct Checksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  friend bool operator==(const Checksum&, const Checksum&) = default;
};

Checksum checksum_at(std::string_view bytes, std::size_t at) {
  return {big_endian(bytes, at), big_endian(bytes, at + 4)};
}

// The checksum of what `sum` is of, followed by `bytes`, whose length is a multiple of 8.
Checksum extended(Checksum sum, std::string_view bytes, bool is_big_endian) {
  const auto word = [&](std::size_t at) {
    const std::uint32_t value = big_endian(bytes, at);
    return is_big_endian ? value : __builtin_bswap32(value);
  };
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    sum.first += word(at) + sum.second;
    sum.second += word(at + 4) + sum.first;
  }
  return sum;
}

struct Header {
  bool is_whole = false;
  bool is_big_endian = false;
  std::string salts;
  Checksum checksum;

  explicit Header(std::string_view bytes)
      : is_big_endian((big_endian(bytes, 0) & 1) != 0),
        salts(bytes.substr(16, 8)),
        checksum(checksum_at(bytes, 24)) {
    is_whole = (big_endian(bytes, 0) & ~1u) == kMagic && big_endian(bytes, 4) == kVersion &&
               big_endian(bytes, 8) == kPageBytes &&
               extended({}, bytes.substr(0, 24), is_big_endian) == checksum;
  }
};

// Frames, one after the other. What proves damage is a frame behind the end of a transaction that
// is not whole, or behind one that has such a one before it: a transaction is begun when the one
// before it was synced, so a power loss leaves only the last one torn.
class Frames {
 public:
  explicit Frames(const Header& header)
      : header_(header), stored_(header.checksum), computed_(header.checksum) {}

  // `at` is where it begins in the file.
  void add(std::uint64_t at, std::string_view frame) {
    const Checksum stored = checksum_at(frame, 16);
    const bool is_ours = frame.substr(8, 8) == header_.salts;
    const Checksum computed = sum_of(computed_, frame);
    const bool is_whole = is_ours && computed == stored;
    // It was written behind the one before it, of which its content or its checksum may be damaged.
    const bool follows = is_whole || (is_ours && sum_of(stored_, frame) == stored);
    const bool ends_transaction = big_endian(frame, 4) != 0;
    // If not, that may be of a frame that was there before, and the rest of the header be new.
    const bool is_in_one_sector = at / kSectorBytes == (at + kFrameHeaderBytes - 1) / kSectorBytes;

    if (follows && (has_end_ || is_behind_broken_end_)) is_damaged_ = true;
    is_behind_broken_end_ =
        !is_whole && ends_transaction && is_in_one_sector && (is_ours || !is_broken_);
    is_broken_ = is_broken_ || !is_whole;
    has_end_ = has_end_ || (is_broken_ && follows && ends_transaction);
    stored_ = stored;
    computed_ = computed;
  }

  bool is_damaged() const { return is_damaged_; }

 private:
  Checksum sum_of(Checksum before, std::string_view frame) const {
    before = extended(before, frame.substr(0, 8), header_.is_big_endian);
    return extended(before, frame.substr(kFrameHeaderBytes), header_.is_big_endian);
  }

  const Header header_;
  Checksum stored_;         // of the frame before
  Checksum computed_;       // what it should be
  bool is_broken_ = false;  // SQLite reads no further than here
  bool is_behind_broken_end_ = false;
  bool has_end_ = false;  // of a transaction, behind that
  bool is_damaged_ = false;
};

}  // namespace

WalInspection inspect_wal(Files& files, const std::string& path) {
  WalInspection found;
  const Files::Status status = files.status(path);
  found.error = status.error;
  if (found.error != 0 || !status.exists || status.bytes <= kHeaderBytes) return found;
  std::string block;
  found.error = files.read(path, 0, kHeaderBytes, block);
  if (found.error != 0 || block.size() < kHeaderBytes) return found;
  const Header header(block);
  // It is written and synced before the first frame is.
  found.is_damaged = !header.is_whole;

  Frames frames(header);
  for (std::uint64_t at = kHeaderBytes; !found.is_damaged; at += block.size()) {
    found.error = files.read(path, at, kFramesAtATime * kFrameBytes, block);
    if (found.error != 0 || block.size() < kFrameBytes) break;
    for (std::size_t i = 0; i + kFrameBytes <= block.size(); i += kFrameBytes) {
      frames.add(at + i, std::string_view(block).substr(i, kFrameBytes));
    }
    found.is_damaged = frames.is_damaged();
  }
  return found;
}

}  // namespace rollcall::store::sqlite
