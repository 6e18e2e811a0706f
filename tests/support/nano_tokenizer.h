// The tokenizer of the model that comes with the program, read once.
#pragma once

#include "support/source_dir.h"
#include "text/tokenizer.h"

namespace hadal::test {

inline const Tokenizer& nano_tokenizer() {
  static const Tokenizer instance = Tokenizer::load(source_path("models/nano/tokenizer.json"));
  return instance;
}

}  // namespace hadal::test
