// A learner's journey with the generated types, as an app would write it. It is type-checked, not run.
// Requests hold only the fields that the document requires.

import type { components, operations } from "./api";

type Schemas = components["schemas"];
type Body<Name extends keyof operations> = operations[Name] extends {
  requestBody: { content: { "application/json": infer Content } };
}
  ? Content
  : never;
type Answer<Name extends keyof operations, Status extends number> = operations[Name] extends {
  responses: { [Key in Status]: { content: { "application/json": infer Content } } };
}
  ? Content
  : never;

declare function send<Name extends keyof operations, Status extends number>(
  operation: Name,
  status: Status,
  body?: Body<Name>,
): Promise<Answer<Name, Status>>;

export async function journey(): Promise<number> {
  await send("register_user", 201, { email: "ada@example.com", password: "Correct4Horse", name: "Ada" });
  const signedIn = await send("log_in", 200, { email: "ada@example.com", password: "Correct4Horse" });
  const lifetime: number = signedIn.expires_in;
  const name: string = signedIn.user.name;

  const { tags } = await send("list_tags", 200);
  const categories: string[] = tags.map((tag) => tag.category);

  const { speeches } = await send("draw_speeches", 200, { level: "A2" });
  const game: Schemas["SessionCreate"] = {
    mode: "listen_and_repeat",
    level: "A2",
    duration_seconds: 60,
    started_at: "2026-01-31T18:30:00Z",
    completed_at: "2026-01-31T18:31:00Z",
    results: speeches.map((speech, index) => ({
      speech_id: speech.id,
      sequence_number: index + 1,
      user_response: "correct",
      response_time_ms: 1500,
    })),
  };
  const saved = await send("save_session", 201, game);

  const page = await send("list_sessions", 200);
  const next: string | null = page.pagination.next_cursor;
  const details = await send("get_session", 200);
  const text: string | undefined = details.results[0]?.speech.text;
  const progress = await send("get_progress", 200);

  const batch = await send("save_sessions", 200, { sessions: [{ ...game, id: saved.session_id }] });
  const unsent: string[] = batch.results.flatMap((outcome) =>
    outcome.problem && outcome.retry_after !== null && outcome.id ? [outcome.id] : [],
  );
  const level: string | undefined = batch.results[0]?.session?.level;
  const goal = await send("update_goal", 200, { sentences_per_day: 20 });
  const isReached: boolean = progress.goal.reached_today;
  const { reviews } = await send("list_reviews", 200);
  const due: string[] = reviews.map((review) => review.speech.audio_url);

  const pair = await send("refresh_tokens", 200, { refresh_token: signedIn.refresh_token });
  await send("log_out", 204, { refresh_token: pair.refresh_token });
  const seen = [lifetime, name, categories, saved.session_id, next, text, unsent, level, isReached, due];
  return seen.length + progress.sessions + goal.sentences_per_day;
}

// What the document does not know does not compile.
// @ts-expect-error there is no level X1
export const unknown: Body<"draw_speeches"> = { level: "X1" };
// @ts-expect-error a session of a batch needs an id
export const anonymous: Body<"save_sessions"> = { sessions: [{} as Schemas["SessionCreate"]] };
// @ts-expect-error the level is required
export const incomplete: Body<"draw_speeches"> = {};
