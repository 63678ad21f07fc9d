// Predict first: a question before what it asks for is shown, and a score that stays on this computer.

import { h } from "./dom.js";
import { remembered, remember } from "./address.js";

const CHOICES = 4;

export class Lesson {
  constructor(data, words, onScore) {
    Object.assign(this, { data, words, onScore });
    this.on = false;
    this.asked = new Set();
    this.place = `mailsim score ${data.title}`;
    this.score = remembered(localStorageOrNone(), this.place, { right: 0, asked: 0 });
    this.element = h("dialog", { class: "question", "aria-labelledby": "question-text" });
    this.element.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.finish();
    });
  }

  // The first question that stands between a step and a later one, and was not asked yet.
  between(step, later) {
    return this.on ? this.data.questions.find((one) => one.step >= step && one.step < later && !this.asked.has(one)) : undefined;
  }

  // Asks a question of the run; `then` runs after it.
  pose(found, then) {
    this.asked.add(found);
    this.ask({ ...found, text: this.words.say(found.text, found.parts), why: this.words.say(found.why, found.why_parts) }, then);
  }

  // What a crash comes to, asked before the future is shown.
  fate(fork, then) {
    if (!this.on) return then();
    const verdicts = [fork.verdict, "once", "twice", "never promised", "lost", "still queued", "cleaned up"];
    const kinds = [...new Set(verdicts)].slice(0, CHOICES).sort();
    const why = this.words.say("why.fate", { text: fork.text });
    return this.ask({ text: this.words.say("ask.fate"), choices: kinds.map((one) => this.words.say(`verdict.${one}`)),
      answer: kinds.indexOf(fork.verdict), why }, () => this.copies(fork, then));
  }

  copies(fork, then) {
    const most = Math.max(3, fork.copies);
    const choices = Array.from({ length: most + 1 }, (_, count) => String(count));
    return this.ask({ text: this.words.say("ask.fork_copies"), choices, answer: fork.copies, why: this.words.say("why.copies", { count: fork.copies }) }, then);
  }

  ask(question, then) {
    const { words } = this;
    this.then = then;
    const options = question.choices.map((choice, number) => h("label", { class: "choice" },
      h("input", { type: "radio", name: "choice", value: number }), h("span", {}, this.choice(choice))));
    const verdict = h("p", { class: "verdict", role: "status" });
    const answer = h("button", { type: "submit", class: "primary" }, words.say("ui.answer"));
    const skip = h("button", { type: "button", onclick: () => this.finish() }, words.say("ui.skip"));
    const form = h("form", { onsubmit: (event) => this.answered(event, question, verdict, answer, skip) },
      h("p", { class: "kicker" }, words.say("ui.question")),
      h("h2", { id: "question-text" }, question.text),
      h("div", { class: "choices", role: "radiogroup", "aria-labelledby": "question-text" }, ...options),
      verdict, h("div", { class: "buttons" }, answer, skip));
    this.element.replaceChildren(form);
    this.element.showModal();
  }

  choice(text) {
    return this.words.has(`state.${text}`) ? `${text} – ${this.words.say(`state.${text}`)}` : text;
  }

  answered(event, question, verdict, answer, skip) {
    event.preventDefault();
    const chosen = this.element.querySelector("input:checked");
    if (answer.dataset.done) this.finish();
    if (!chosen && !answer.dataset.done) verdict.textContent = this.words.say("ui.choose");
    if (!chosen || answer.dataset.done) return;
    const right = Number(chosen.value) === question.answer;
    this.score.asked += 1;
    this.score.right += right ? 1 : 0;
    remember(localStorageOrNone(), this.place, this.score);
    this.onScore();
    verdict.className = `verdict ${right ? "right" : "wrong"}`;
    const told = right ? this.words.say("ui.right") : this.words.say("ui.wrong", { answer: this.choice(question.choices[question.answer]) });
    verdict.textContent = `${right ? "✓" : "✕"} ${told} ${question.why}`;
    answer.textContent = this.words.say("ui.go_on");
    answer.dataset.done = "yes";
    skip.remove();
    for (const one of this.element.querySelectorAll("input")) one.disabled = true;
  }

  finish() {
    this.element.close();
    const { then } = this;
    this.then = null;
    if (then) then();
  }
}

function localStorageOrNone() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
