import { randomInt } from "node:crypto";
import type { MtaListener } from "../../host/config/config.ts";
import { type AnswerLine, type LineLimits, LineServer } from "../../host/listen/line-server.ts";
import { type QuestionOptions, Questions } from "../../host/mx/question.ts";
import { EximAnswerer, type MatchesDnsId, NOT_UNDERSTOOD } from "../exim/answer.ts";
import { ERROR, OpenSmtpdAnswerer } from "../opensmtpd/answer.ts";
import { targetOf } from "./listeners.ts";
import type { Observers } from "./observers.ts";

/** What the questions of the line protocols are answered with. */
export type LineQuestions = QuestionOptions & { readonly matchesDnsId: MatchesDnsId };

/** Listeners of one kind and deadline that speak a line protocol. Rejects when one cannot be listened on. */
export function startLineServer(
  kind: "exim" | "opensmtpd",
  listeners: readonly MtaListener[],
  questions: LineQuestions,
  observers: Observers,
): Promise<LineServer> {
  const speak = { exim: speakExim, opensmtpd: speakOpenSmtpd }[kind];
  return LineServer.start({
    ...speak(questions, observers),
    listen: listeners.map(({ address }) => targetOf(address)),
    closed: observers.closed,
  });
}

interface Protocol {
  readonly answer: AnswerLine;
  readonly malformed: string;
  readonly overloaded: string;
  readonly limits?: Partial<LineLimits>;
}

/** A certificate may name hundreds of hosts, and all of them are asked about in one line. */
const EXIM_LIMITS: Partial<LineLimits> = { maxRequestBytes: 65_536 };

function speakExim(options: LineQuestions, { exim }: Observers): Protocol {
  const answerer = new EximAnswerer(new Questions(options, exim), options.matchesDnsId, exim);
  const answer = (line: string) => answerer.answer(line);
  return { answer, malformed: NOT_UNDERSTOOD, overloaded: "temp", limits: EXIM_LIMITS };
}

function speakOpenSmtpd(options: QuestionOptions, { opensmtpd }: Observers): Protocol {
  const random = (limit: number) => (limit > 1 ? randomInt(limit) : 0);
  const answerer = new OpenSmtpdAnswerer(new Questions(options, opensmtpd), opensmtpd, random);
  // A line end tells the helper that nothing is missing: the first half of a host name is a host name, too.
  const answer = async (line: string) => `${await answerer.answer(line)}\n`;
  return { answer, malformed: `${ERROR}\n`, overloaded: `${ERROR}\n` };
}
