// A question to the server about the records that match.

import { useEffect } from "../../vendor/hooks.js";
import { useSignal } from "../../vendor/signals.js";
import { isAborted } from "../../core/api.js";
import { filter, ranged } from "../../core/state.js";
import { toParameters } from "../../lib/query/filter.js";
import { html, Icon } from "../html.js";

/** @typedef {import("../../lib/query/filter.js").Parameters} Parameters */

/**
 * Asks the server anew whenever the filter or the question changes.
 * @template T
 * @param {(parameters: Parameters, signal: AbortSignal) => Promise<T>} ask
 * @param {string} question
 * @returns {{answer: T | null, error: string}}
 */
export function useAnswer(ask, question) {
  const answer = useSignal(/** @type {T | null} */ (null));
  const error = useSignal("");
  const parameters = toParameters(ranged(filter.value));
  useEffect(() => {
    const abort = new AbortController();
    ask(parameters, abort.signal).then((found) => {
      [answer.value, error.value] = [found, ""];
    }, (reason) => {
      if (!isAborted(reason)) error.value = reason instanceof Error ? reason.message : String(reason);
    });
    return () => abort.abort();
  }, [JSON.stringify(parameters), question]);
  return { answer: answer.value, error: error.value };
}

/** @param {{error: string}} props */
export const Waiting = ({ error }) => (error ? html`<p class="pad wrong" role="alert"><${Icon} name="warn" />${error}</p>` : html`<p class="quiet pad" role="status">Counting\u2026</p>`);
