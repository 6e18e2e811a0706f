// The words that random texts are made of: short, common English, one token each in most large
// vocabularies when a space stands before them, so that a text's tokens are what its words are
// whatever stands beside it.
#pragma once

#include <cstdint>
#include <string>

namespace hadal {

// Appends `count` words drawn from the stream `key`, with a space before each but the text's first.
void append_random_words(std::string& text, uint64_t key, int64_t count);

}  // namespace hadal
