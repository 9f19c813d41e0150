/** A text between who writes it and who reads it at an own pace: what was not taken yet waits as one piece. */
export class Pieces {
  #waiting = "";
  #hasEnded = false;
  #news = Promise.withResolvers<void>();

  push(text: string): void {
    this.#waiting += text;
    this.#news.resolve();
  }

  end(): void {
    this.#hasEnded = true;
    this.#news.resolve();
  }

  /** The text so far and then what follows, until the end. For one reader. */
  async *read(): AsyncGenerator<string> {
    while (!this.#hasEnded || this.#waiting !== "") {
      if (this.#waiting === "") await this.#news.promise;
      this.#news = Promise.withResolvers();
      const piece = this.#waiting;
      this.#waiting = "";
      if (piece !== "") yield piece;
    }
  }
}
