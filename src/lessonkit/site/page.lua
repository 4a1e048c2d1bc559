-- A pandoc writer: one page of the lesson as JSON.
--   html        the body: boxes, accordions, tabs, figures. What only instructors see stands between
--               <!--instructor--> and <!--/instructor-->, each challenge between <!--challenge--> and <!--/challenge-->
--   questions, objectives, keypoints    what the template shows in its own place
--   contents    sections and challenges, for the table of contents
--   figures     for the page of all images
--   summary     the first paragraph, for the description of the page

-- What Python knows. The kinds of divs, by name: what a reader sees each called, and how it is shown (lessonkit.divs).
local divs
-- The words with which the titles of a prediction's two divs begin (lessonkit.predictions), and the name of the page.
local predict
local CODE = {
  python = "Python", py = "Python, not run", output = "Output", error = "Error", warning = "Warning", bash = "Terminal", sh = "Terminal",
  yaml = "YAML", json = "JSON", markdown = "Markdown", text = "Text", [""] = "Text",
}

local page = {contents = {}, figures = {}}
local options
local instructor = false  -- inside an instructor div

local function raw(html) return pandoc.RawBlock("html", html) end
local function plain(inlines) return pandoc.utils.stringify(inlines) end
local function escape(text) return (text:gsub("[&<>\"]", {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ["\""] = "&quot;"})) end
local function write(blocks) return pandoc.write(pandoc.Pandoc(blocks), "html", options) end

local function figure(image)
  local caption = #image.caption > 0 and write({pandoc.Plain(image.caption)}) or ""
  local src, alt = escape(image.src), escape(image.attributes.alt or plain(image.caption))
  -- The whole picture is a step away; and Python puts a button below it where it can be looked around in.
  local picture = ('<a class="enlarge" href="%s"><img src="%s" alt="%s" loading="lazy"></a><look src="%s">'):format(src, src, alt, src)
  table.insert(page.figures, {image = picture, alt = plain(image.attributes.alt or image.caption), caption = caption, instructor = instructor})
  return raw("<figure>" .. picture .. (caption ~= "" and "<figcaption>" .. caption .. "</figcaption>" or "") .. "</figure>")
end

-- A paragraph that holds nothing but images becomes figures.
local function figures(paragraph)
  local found = pandoc.Blocks{}
  for _, inline in ipairs(paragraph.content) do
    if inline.t == "Image" then found:insert(figure(inline))
    elseif inline.t ~= "Space" and inline.t ~= "SoftBreak" then return nil end
  end
  return found
end

-- Python colours what stands between the tags of <code data-language="…">. What a check says to three dots is no result:
-- one quiet line in the place of an output (regseg.check.engine.NOT_YET).
local function code(block)
  local language = block.classes[1] or ""
  if language == "output" and block.text:match("^Not yet%. Replace the three dots [^\n]*$") then
    return raw('<p class="unchecked">In the notebook, the check says here whether your answer is right.</p>')
  end
  return raw(('<figure class="code %s"><figcaption>%s</figcaption><pre><code data-language="%s">%s</code></pre></figure>'):format(
    language, escape(CODE[language] or language), escape(language), escape(block.text)))
end

local anywhere = {
  CodeBlock = code,
  Para = figures,
  Table = function(block)
    -- pandoc gives the columns of a long pipe table the widths of its dashes; the browser knows better.
    block.colspecs = block.colspecs:map(function(spec) return {spec[1], nil} end)
    return {raw('<div class="table">'), block, raw("</div>")}
  end,
  RawBlock = function(block) if block.text:match("^%s*<!%-%-") then return {} end end,  -- comments stay with the author
  RawInline = function(inline) if inline.text:match("^<!%-%-") then return {} end end,
}

local function heading(level, header)
  return pandoc.Header(math.min(level, 6), header.content, pandoc.Attr(header.identifier))
end

local flatten

-- The title of a div is the heading that it opens with.
local function title(div)
  local content = div.content:clone()
  local header = content[1] and content[1].t == "Header" and content:remove(1) or nil
  return header, content
end

-- What folds: closed for learners; the instructors' own notes, which only their view holds, are open.
local function accordion(kind, div, level)
  local header, content = title(div)
  local outside = instructor
  instructor = instructor or kind == "instructor"
  local label, id = divs[kind].label .. (div.attributes.step or ""), header and header.identifier or div.identifier
  local name = header and write({pandoc.Plain(header.content)}) or ""
  local blocks = pandoc.Blocks{raw(('%s<details class="box %s"%s%s><summary><span class="kind">%s</span>%s</summary><div class="inside">'):format(
    kind == "instructor" and "<!--instructor-->" or "", kind, id ~= "" and ' id="' .. id .. '"' or "", kind == "instructor" and " open" or "", label,
    name ~= "" and name:lower() ~= label:lower() and '<span class="title">' .. name .. "</span>" or ""))}
  blocks:extend(flatten(content, level, level))
  blocks:insert(raw("</div></details>" .. (kind == "instructor" and "<!--/instructor-->" or "")))
  instructor = outside
  return blocks
end

-- How long an exercise takes, as its first paragraph says (*5 minutes*), which then leaves the content; or nothing.
local function minutes(content)
  local first = content[1]
  local said = first and first.t == "Para" and #first.content == 1 and first.content[1].t == "Emph" and plain(first.content)
  if not said or not said:match("^%d+ minutes?$") then return "" end
  content:remove(1)
  return " · " .. said
end

-- A place for the answer box of an exercise: behind its starter, which ends in its check, and before what folds.
local function answer_box(content)
  local name
  for at, block in ipairs(content) do
    if block.t == "CodeBlock" then name = name or block.text:match('check%.answer%("([^"]+)"') end
    if block.t == "Div" then
      if name then content:insert(at, raw(('<div data-exercise="%s"></div>'):format(escape(name)))) end
      return
    end
  end
end

-- Several hints of an exercise are steps, and say which of how many they are.
local function steps(content)
  local hints = content:filter(function(block) return block.t == "Div" and block.classes[1] == "hint" end)
  local number = 0
  return content:map(function(block)
    if #hints > 1 and block.t == "Div" and block.classes[1] == "hint" then
      number = number + 1
      block.attributes.step = (" %d of %d"):format(number, #hints)
    end
    return block
  end)
end

local function box(kind, div, level)
  local header, content = title(div)
  local blocks = pandoc.Blocks{raw(('<div class="box %s"><p class="kind">%s</p>'):format(kind, divs[kind].label .. minutes(content)))}
  if header then
    level = level + 1
    blocks:insert(heading(level, header))
  end
  if kind == "challenge" then
    answer_box(content)
    content = steps(content)
  end
  blocks:extend(flatten(content, level, level))
  blocks:insert(raw("</div>"))
  if kind == "challenge" then
    blocks:insert(1, raw("<!--challenge-->"))
    blocks:insert(raw("<!--/challenge-->"))
    if header and not instructor then
      table.insert(page.contents, {id = header.identifier, title = write({pandoc.Plain(header.content)}), challenge = true})
    end
  end
  return blocks
end

local function tabs(kind, div, level)
  local blocks = pandoc.Blocks{raw(('<div class="tabs"%s>'):format(kind == "group-tab" and " data-group" or ""))}
  local panel
  local function close()
    if panel then
      blocks:extend(flatten(panel, level + 1, level + 1))
      blocks:insert(raw("</div>"))
    end
  end
  for _, block in ipairs(div.content) do
    if block.t == "Header" then
      close()
      panel = pandoc.Blocks{}
      blocks:insert(raw('<div class="tab">'))
      blocks:insert(pandoc.Header(level + 1, block.content))
    elseif panel then panel:insert(block)
    else blocks:extend(flatten({block}, level, level)) end
  end
  close()
  blocks:insert(raw("</div>"))
  return blocks
end

-- The title of a div behind a first word ("Predict:"), or nothing.
local function titled(block, kind, word)
  local header = block.t == "Div" and block.classes[1] == kind and block.content[1]
  if header and header.t == "Header" then return plain(header.content):match("^" .. word .. "%s*(.+)$") end
end

-- Where the comparison of the prediction that begins at `first` stands, when it is one.
local function compared(blocks, first)
  local title = titled(blocks[first], "discussion", predict.asks)
  for at = first + 1, title and #blocks or 0 do
    if titled(blocks[at], "spoiler", predict.compares) == title then return at end
  end
end

-- A question with its choices, what answers it, and a sentence on each choice: all open; the script veils and asks.
local function prediction(blocks, first, last, level)
  local header, question = title(blocks[first])
  local _, sentences = title(blocks[last])
  local words = header.content:clone()
  words[1] = pandoc.Str(words[1].text:sub(#predict.asks + 1))
  while words[1].t ~= "Code" and plain(words[1]):match("^%s*$") do words:remove(1) end
  if words[1].t == "Str" then words[1] = pandoc.Str((words[1].text:gsub("^%l", string.upper))) end
  local function part(class, content)
    return pandoc.Blocks{raw('<div class="' .. class .. '">')} .. flatten(content, level + 1, level + 1) .. pandoc.Blocks{raw("</div>")}
  end
  local choices = question:remove(#question)
  local between = pandoc.Blocks{}
  for at = first + 1, last - 1 do between:insert(blocks[at]) end
  return pandoc.Blocks{
      raw(('<section class="prediction" data-key="%s/%s"><div class="box discussion"><p class="kind">Predict</p>'):format(predict.page, escape(header.identifier))),
      heading(level + 1, pandoc.Header(level, words, pandoc.Attr(header.identifier)))}
    .. flatten(question, level + 1, level + 1) .. part("choices", {choices}) .. pandoc.Blocks{raw("</div>")}
    .. part("answer", between)
    .. pandoc.Blocks{raw('<div class="box discussion compare"><p class="kind">Compare</p>')} .. part("sentences", sentences)
    .. pandoc.Blocks{raw("</div></section>")}
end

-- The blocks with every div resolved. Headings start below `level`, whatever level the source gives the first of them;
-- `current` is the level of the heading above. Only the body itself (`outermost`) gives sections to the contents.
function flatten(blocks, level, current, outermost)
  local result, top = pandoc.Blocks{}, nil
  local at = 0
  while at < #blocks do
    at = at + 1
    local block = blocks[at]
    local kind = block.t == "Div" and block.classes[1]
    local shown = kind and divs[kind] and divs[kind].shown
    local last = compared(blocks, at)
    if last then
      result:extend(prediction(blocks, at, last, current))
      at = last
    elseif block.t == "Header" then
      top = top or block.level
      current = math.max(level + 1, level + 1 + block.level - top)
      result:insert(heading(current, block))
      if outermost and current == 2 then
        table.insert(page.contents, {id = block.identifier, title = write({pandoc.Plain(block.content)})})
      end
    elseif shown == "apart" then page[kind] = write(flatten(block.content, 2, 2))
    elseif shown == "fold" then result:extend(accordion(kind, block, current))
    elseif shown == "box" then result:extend(box(kind, block, current))
    elseif shown == "tabs" then result:extend(tabs(kind, block, current))
    elseif kind then
      result:insert(pandoc.Div(flatten(block.content, level, current, outermost), block.attr))
    else
      if block.t == "Para" and not instructor then page.summary = page.summary or plain(block.content) end
      result:extend(pandoc.Blocks{block}:walk(anywhere))
    end
  end
  return result
end

function Writer(doc)
  divs = pandoc.json.decode(pandoc.utils.stringify(doc.meta.divs))
  predict = pandoc.json.decode(pandoc.utils.stringify(doc.meta.predict))
  options = pandoc.WriterOptions{html_math_method = "mathml", wrap_text = "wrap-none"}
  page.html = write(flatten(doc.blocks, 1, 1, true))
  return pandoc.json.encode(page)
end
