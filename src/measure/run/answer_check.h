// A look at whether answers make sense, for a measurement without a reference: a few questions
// whose answers everybody knows, one of them asked twice. It finds a broken model, not a slightly
// wrong one; that is the gate's business.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "measure/run/endpoint.h"

namespace hadal {

struct AnswerCheck {
  int asked = 0;
  int answered = 0;  // with any text
  int right = 0;
  bool alike = false;                   // the question asked twice had the same answer, greedily
  std::vector<std::string> wrong = {};  // question and what came, printable
};

// Asks no more once `stop` says so or about `seconds` have passed.
AnswerCheck check_answers(const Endpoint& endpoint, double seconds, const std::atomic<bool>& stop);

// One or two sentences.
std::string answer_check_text(const AnswerCheck& check);

}  // namespace hadal
