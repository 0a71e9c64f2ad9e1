"""What pictures say in English and in Russian, and how numbers are written there.

A sentence stands in English where it is drawn, with names for what is put into it; the table here has it in
Russian. Tests hold the table to the source, and look for English in a Russian picture of every kind.
"""

import math

from service.schemas.figures import LanguageName

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
RUSSIAN_DIGITS = str.maketrans({",": "\xa0", ".": ","})  # 20,000.5 is 20 000,5
RUSSIAN = {
    # The drawing of a network
    "Kolmogorov-Arnold network [{shape}] for {outputs}": "Сеть Колмогорова-Арнольда [{shape}]: {outputs}",
    "Inputs at the bottom: {inputs}.": "Входы внизу: {inputs}.",
    "Outputs on top: {outputs}.": "Выходы наверху: {outputs}.",
    "Nodes that multiply what enters them: {names}; all others add.": (
        "Узлы, которые перемножают входящее: {names}; остальные складывают."
    ),
    "{count} edges, each with its activation as a curve; the strongest: {edges}.": (
        "Рёбер: {count}, на каждом его функция активации в виде кривой; самые сильные: {edges}."
    ),
    "none": "нет",
    "{edge}, score {score}": "{edge}, важность {score}",
    "{name}, the product of what enters it": "{name}, произведение входящего",
    "The stronger the ink, the more an edge matters within its layer.": (
        "Чем насыщеннее линия, тем важнее ребро в своём слое."
    ),
    "Nodes with × multiply what enters them, all others add.": (
        "Узлы со знаком × перемножают входящее, остальные складывают."
    ),
    "Dashed edges skip layers.": "Штриховые рёбра минуют слои.",
    "{count} weaker edges are not drawn.": "Не показано более слабых рёбер: {count}.",
    "{count} of {all} inputs without an edge drawn are left out.": (
        "Не показано входов без нарисованных рёбер: {count} из {all}."
    ),
    "log-odds of": "логарифм шансов",
    "logit of": "логит",
    # What every picture of a model is about
    "{name}, version {version}": "{name}, версия {version}",
    "{count} hold-out rows": "отложенные строки ({count})",
    "{count} training rows": "строки обучения ({count})",
    # Losses
    "Loss during the training": "Функция потерь при обучении",
    "Loss during the training of {name}": "Функция потерь при обучении, {name}",
    "training loss": "потери на обучении",
    "validation loss": "потери на проверке",
    "step": "шаг",
    "loss": "потери",
    "the training loss went from {first} to {last} in {count} recorded steps": (
        "потери на обучении изменились от {first} до {last}, записано шагов: {count}"
    ),
    "the training loss was {last} after the one step that was recorded": (
        "после единственного записанного шага потери на обучении {last}"
    ),
    "Error while the equations were solved": "Ошибка при решении уравнений",
    "Error while the equations of {name} were solved": "Ошибка при решении уравнений, {name}",
    "error of the solution": "ошибка решения",
    "error": "ошибка",
    "the error went from {first} to {last} in {count} steps": (
        "ошибка изменилась от {first} до {last}, шагов: {count}"
    ),
    "the error was {last} after the only step": "после единственного шага ошибка {last}",
    "The validation loss was at best {best}.": "Наименьшие потери на проверке: {best}.",
    "The grid was refined: G = {grids}.": "Сетка измельчалась: G = {grids}.",
    # Predicted and true values
    "Predicted and true values": "Предсказанные и истинные значения",
    "Predicted and true {target} of {name}": "Предсказанные и истинные значения {target}, {name}",
    "On the dashed diagonal, predictions are right.": "На штриховой диагонали предсказания верны.",
    "Dots on the diagonal are right.": "Точки на диагонали предсказаны верно.",
    "true {target}": "{target} (на самом деле)",
    "predicted {target}": "{target} (предсказание)",
    "Residuals: true minus predicted": "Остатки: истинное минус предсказанное",
    "Residuals of {name} for {target}": "Остатки для {target}, {name}",
    "true − predicted": "истинное − предсказанное",
    "Half are off by at most {half}, nine in ten by at most {most}.": (
        "У половины ошибка не больше {half}, у девяти из десяти не больше {most}."
    ),
    "{count} rows for which the network has no answer are left out.": (
        "Пропущено строк, на которые у сети нет ответа: {count}."
    ),
    "{count} of {all} predictions are too low.": "Занижено предсказаний: {count} из {all}.",
    "how many": "сколько",
    "most: {count}": "наибольшее: {count}",
    # The confusion matrix
    "Confusion matrix": "Матрица ошибок",
    "Confusion matrix of {name} for {target}": "Матрица ошибок для {target}, {name}",
    "decided": "предсказано",
    "true class": "на самом деле",
    "The stronger its colour, the larger the share of a cell in its row; the diagonal is right.": (
        "Чем насыщеннее цвет клетки, тем больше её доля в строке; верные ответы на диагонали."
    ),
    "{name}: of {rows}, {right} got the right class ({percent} %).": (
        "{name}: {rows}, класс верен у {right} ({percent} %)."
    ),
    "Most often, {count} times, {true} was taken for {decided}.": (
        "Чаще всего «{true}» принято за «{decided}»: {count}."
    ),
    "{true}, taken for {decided}: {count} of {all}": "«{true}» принято за «{decided}»: {count} из {all}",
    # Probabilities
    "Do probabilities come true, and how well do they rank?": (
        "Сбываются ли вероятности и хорошо ли они упорядочивают?"
    ),
    "Probabilities of {name} for {target}": "Вероятности для {target}, {name}",
    "Reliability": "Калибровка",
    "probability of {name}": "вероятность «{name}»",
    "probability of any class": "вероятность любого класса",
    "share that came true": "доля сбывшихся",
    "false positive rate": "доля ложных срабатываний",
    "true positive rate": "доля верных срабатываний",
    "No probability is defined.": "Ни одна вероятность не определена.",
    "On average, a probability is off by {error}.": "В среднем вероятность ошибается на {error}.",
    "There is no ROC curve: the rows are of one class.": "Кривой ROC нет: все строки одного класса.",
    "The area under the ROC curve is {area}.": "Площадь под кривой ROC: {area}.",
    "Areas under the ROC curves, each class against all others: {least} to {most}.": (
        "Площади под кривыми ROC, каждый класс против остальных: от {least} до {most}."
    ),
    "The {shown} largest of {all} are drawn.": "Показаны наибольшие: {shown} из {all}.",
    # Effects and importance of features
    "Effects of the features": "Влияние признаков",
    "Effects of the features of {name} on {target}": "Влияние признаков на {target}, {name}",
    "{name}: the mean of {what} by the network, each feature by itself.": (
        "{name}: {what}, среднее по сети, когда меняется один признак."
    ),
    "{name}: the mean of {what} over each feature.": (
        "{name}: {what}, среднее в зависимости от каждого признака."
    ),
    "{name}: from {low} at {lowest} to {high} at {highest}": (
        "{name}: от {low} при {lowest} до {high} при {highest}"
    ),
    "probability": "вероятность",
    "missing": "нет значения",
    "true": "да",
    "false": "нет",
    "Line: the mean; band: where it lies for eight of ten rows.": (
        "Линия: среднее; полоса: восемь строк из десяти."
    ),
    "Short marks: smallest value, deciles and largest value of the training rows.": (
        "Засечки: наименьшее значение, децили и наибольшее значение в строках обучения."
    ),
    "The {shown} most important of {all} features are drawn.": (
        "Показаны самые важные признаки: {shown} из {all}."
    ),
    "Importance of the features": "Важность признаков",
    "Importance of the features of {name} for {target}": "Важность признаков для {target}, {name}",
    "{name}: the {metric} on {rows} is {error}.": "{name}: {rows}, {metric} {error}.",
    "Each bar is how much it rises when the values of that feature are shuffled.": (
        "Полоса показывает, насколько она вырастает, если перемешать значения признака."
    ),
    "rise of the {metric}": "рост {metric}",
    "Thin lines: one standard deviation over {count} shuffles.": (
        "Тонкие линии: стандартное отклонение, перемешиваний: {count}."
    ),
    "{count} features were not looked at.": "Не рассмотрено признаков: {count}.",
    # Densities
    "How densely rows lie": "Как плотно лежат строки",
    "Density {target} of {name}": "Плотность {target}, {name}",
    "density": "плотность",
    "network": "сеть",
    "law: {name}": "закон: {name}",
    "Mean log-likelihood of the network: {mean}.": "Среднее логарифмическое правдоподобие сети: {mean}.",
    "Of the law, {name}: {mean}.": "У закона ({name}): {mean}.",
    "Dots are rows; the density is the same along a line, and the higher, the stronger it is.": (
        "Точки — строки; вдоль линии плотность одна и та же, и чем линия жирнее, тем она выше."
    ),
    # Solutions of equations
    "Solution of the equations": "Решение уравнений",
    "Solution {target} of {name}": "Решение {target}, {name}",
    "Equations hold to {equation} of their terms, conditions to {condition}.": (
        "Невязка уравнений {equation}, условий {condition} от их слагаемых."
    ),
    "This is the slice at {place}, half-way along.": "Показан срез посередине: {place}.",
    "{name} is {value} everywhere": "{name} всюду равно {value}",
    "Line: the solution; dots: what was measured.": "Линия: решение; точки: измерения.",
    "The value is the same along a line, and stands on it; the higher, the stronger the line.": (
        "Вдоль линии значение одно и то же, оно на ней написано; чем оно выше, тем линия жирнее."
    ),
    "Dashed lines: values below 0.": "Штриховые линии: значения меньше 0.",
    "Dots: where it was measured.": "Точки: где измеряли.",
    # Studies
    "Study of {target}": "Исследование {target}",
    "Study of {target} in {dataset}": "Исследование {target}, данные {dataset}",
    "{title}: {metric} over {axis}": "{title}: {metric}, {axis}",
    "grid intervals G": "число интервалов сетки G",
    "parameters": "число параметров",
    "{metric} on the hold-out rows": "{metric} на отложенных строках",
    "The {shown} best of {all} settings are drawn.": "Показаны лучшие настройки: {shown} из {all}.",
    "seconds of training": "секунды обучения",
    "Dots: medians; bars: from the smallest to the largest value.": (
        "Точки: медианы; отрезки: от наименьшего до наибольшего значения."
    ),
    "With a given shape the parameters grow in proportion to G: the slope is the same.": (
        "При заданной форме число параметров растёт пропорционально G: наклон тот же."
    ),
    "{metric} {error} at {first} and {less} at {last} {axis}.": (
        "{metric} {error} при {first} и {less} при {last} ({axis})."
    ),
}


def say(language: LanguageName, sentence: str, **values: str | float | None) -> str:
    """A sentence in a language, with numbers as it writes them.

    Args:
        language: The language.
        sentence: The sentence in English, with the names of the values in braces.
        **values: What is put into it: texts as they are, counts in full, other numbers with three digits.
    """
    told = sentence if language == "en" else RUSSIAN[sentence]
    return told.format(**{name: _put(language, value) for name, value in values.items()})


def _put(language: LanguageName, value: str | float | None) -> str:
    return str(value) if isinstance(value, str | int) else written(language, briefly(value))


def written(language: LanguageName, number: str) -> str:
    """A number that is written in English, as a language writes it."""
    return number if language == "en" else number.translate(RUSSIAN_DIGITS)


def briefly(value: float | None, digits: int = 3) -> str:
    """A number within a sentence."""
    if value is None or not math.isfinite(value):
        return "?"
    told = f"{value:.{digits}g}"
    return power_of_ten(float(told)) if "e" in told else told.replace("-", "−")


def power_of_ten(value: float, digits: int = 3) -> str:
    """A number as a multiple of a power of ten."""
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    raised = f"10{str(int(exponent)).translate(RAISED)}"
    sign = "−" if mantissa.startswith("-") else ""
    factor = mantissa.lstrip("-")
    return f"{sign}{raised}" if factor == "1" else f"{sign}{factor}·{raised}"
